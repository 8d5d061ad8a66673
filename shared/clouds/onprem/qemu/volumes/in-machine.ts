import type { VolumeRef } from '#shared/clouds/onprem/host.ts'
import { HostError } from '#shared/clouds/onprem/gate.ts'
import type { QemuHost } from '#shared/clouds/onprem/qemu/base.ts'
import { readDefinition } from '#shared/clouds/onprem/qemu/machines/definition.ts'
import { see } from '#shared/clouds/onprem/qemu/machines/status.ts'

/** Name of a volume's node in the QEMU of a machine: that of its device. Undefined if the machine has no process. */
export async function nodeInMachine(
  host: QemuHost,
  machine: string,
  volume: VolumeRef,
): Promise<string | undefined> {
  const sight = await see(host, machine)
  if (!sight?.process) return undefined
  const definition = await readDefinition(host, machine)
  const disk = definition?.spec.disks.find(
    (each) => each.volume.pool === volume.pool && each.volume.name === volume.name,
  )
  if (disk) return disk.device
  throw new HostError('invalid_request', `machine: ${machine} has no disk ${volume.name}`)
}
