import type { CloudRef, VmDisk } from '#shared/clouds/port.ts'
import { requireReady, requireVolume } from '#shared/clouds/onprem/compute/find.ts'
import { machineDisks } from '#shared/clouds/onprem/compute/machine-disks.ts'
import { requireOff } from '#shared/clouds/onprem/compute/power.ts'
import type { Found, Site } from '#shared/clouds/onprem/hosts.ts'
import type { VmRecord, VolumeRecord } from '#shared/clouds/onprem/records.ts'
import { notFound, refusal } from '#shared/clouds/onprem/refusals.ts'
import { assertFree, assertSameHost, freed } from '#shared/clouds/onprem/volumes/use.ts'

/**
 * Puts a volume in the place of a disk of a stopped VM. The VM's record tells what is wanted; what follows from it (volumes, machine) is done
 * again by a repeated call.
 */
export async function swapDisk(
  site: Site,
  ref: CloudRef,
  { disk, replacement }: { disk: VmDisk; replacement: CloudRef },
): Promise<void> {
  const vm = await requireReady(site, operation, ref)
  await requireOff(operation, vm)
  const volume = await requireVolume(site, operation, replacement)
  assertSameHost(operation, volume, vm)
  assertFree(operation, volume, vm.id)
  const device = placeOf(vm, disk, volume.id)
  const records = vm.host.records

  await records.change('volume', volume.id, (body): VolumeRecord => ({ ...body, vm: vm.id, device }))
  const swapped = await records.change('vm', vm.id, (body): VmRecord => ({
    ...body,
    disks: body.disks.map((each) => (each.device === device ? { ...each, volume: volume.id } : each)),
  }))
  const spec = await vm.host.machines.spec(vm.id)
  if (spec && swapped) await vm.host.machines.define({ ...spec, disks: await machineDisks(vm.host, swapped) })
  await records.change('volume', disk.id, (body) => (body.device === device ? freed(body, vm.id) : body))
}

const operation = 'compute.swapDisk'

/** Where the disk is, or where the replacement has taken its place already. */
function placeOf({ id, body, host }: Found<'vm'>, disk: VmDisk, replacement: string): string {
  const place = body.disks.find(({ volume }) => volume === disk.id)
  if (place) return place.device
  if (body.disks.some(({ volume, device }) => volume === replacement && device === disk.device))
    return disk.device
  if (body.disks.some(({ volume }) => volume === replacement))
    throw refusal(
      operation,
      `The volume ${replacement} is a disk of the VM ${id} already, at another place.`,
      {
        code: 'conflict',
        remedy: 'Detach it first.',
      },
    )
  throw notFound(operation, `disk of the VM ${id} named`, { region: host.region, id: disk.id })
}
