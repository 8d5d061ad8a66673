import { movingSnapshots } from '#test/shared/clouds/onprem/hosts/moving-snapshots.ts'
import { onQemu } from '#test/shared/clouds/onprem/on-qemu.ts'

onQemu('snapshots of a VM that moves to another host', movingSnapshots)
