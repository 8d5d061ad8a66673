import type { CloudRef } from '#shared/clouds/port.ts'
import { stateOn } from '#shared/clouds/onprem/compute/describe.ts'
import { requireReady, requireVolume } from '#shared/clouds/onprem/compute/find.ts'
import { machineDisk } from '#shared/clouds/onprem/compute/machine-disks.ts'
import { wrongState } from '#shared/clouds/onprem/compute/power.ts'
import type { Found, Site } from '#shared/clouds/onprem/hosts.ts'
import type { VmRecord, VolumeRecord } from '#shared/clouds/onprem/records.ts'
import { refusal } from '#shared/clouds/onprem/refusals.ts'
import { assertFree, assertSameHost, freed } from '#shared/clouds/onprem/volumes/use.ts'

/**
 * Attaches a volume: the volume's record is claimed first, so that only one VM gets it, then the VM's record says where, then the machine gets
 * it. If the machine refuses, the records are put back.
 */
export async function attachVolume(site: Site, ref: CloudRef, to: CloudRef): Promise<void> {
  const volume = await requireVolume(site, attaching, ref)
  const vm = await requireReady(site, attaching, to)
  assertFree(attaching, volume, vm.id)
  assertSameHost(attaching, volume, vm)
  await assertNotSuspended(attaching, vm)
  const { records, machines } = vm.host

  await records.change('volume', volume.id, (body): VolumeRecord => {
    assertFree(attaching, { ...volume, body }, vm.id)
    return body.vm === vm.id ? body : { ...body, vm: vm.id }
  })
  const device = await takePlace(vm, volume.id)
  try {
    await machines.attachDisk(vm.id, await machineDisk(vm.host, volume.id, device))
  } catch (error) {
    const spec = await machines.spec(vm.id).catch(() => undefined)
    const refused = spec !== undefined && !spec.disks.some((disk) => disk.device === device)
    if (refused) await freePlace(vm, volume.id).catch(() => undefined)
    throw error
  }
  await records.change('volume', volume.id, (body): VolumeRecord =>
    body.vm === vm.id && body.device !== device ? { ...body, device } : body,
  )
}

/** Detaches a volume. The machine lets go first: as long as it may write, the records say that it has it. */
export async function detachVolume(site: Site, ref: CloudRef): Promise<void> {
  const volume = await requireVolume(site, detaching, ref)
  if (volume.body.vm === undefined) return
  const vm = await site.find('vm', volume.body.vm, ref.region)
  if (vm) await releaseDisk(vm, volume.id)
  const holder = volume.body.vm
  await volume.host.records.change('volume', volume.id, (body) => freed(body, holder))
}

const attaching = 'storage.volumes.attach'
const detaching = 'storage.volumes.detach'

async function releaseDisk(vm: Found<'vm'>, volume: string): Promise<void> {
  const index = vm.body.disks.findIndex((disk) => disk.volume === volume)
  const device = vm.body.disks[index]?.device
  if (device === undefined) return
  if (index === 0)
    throw refusal(detaching, `${volume} is the boot disk of the VM ${vm.id}.`, {
      code: 'conflict',
      remedy: 'Swap it for another, or delete the VM.',
    })
  await assertNotSuspended(detaching, vm)
  await vm.host.machines.detachDisk(vm.id, device)
  await freePlace(vm, volume, { keepClaim: true })
}

/** The VM's record gives it the first free device; one that it has is kept. */
async function takePlace({ id, host }: Found<'vm'>, volume: string): Promise<string> {
  let device: string | undefined
  await host.records.change('vm', id, (vm): VmRecord => {
    device = vm.disks.find((disk) => disk.volume === volume)?.device
    if (device !== undefined) return vm
    device = devices.find((each) => vm.disks.every((disk) => disk.device !== each))
    return device === undefined ? vm : { ...vm, disks: [...vm.disks, { volume, device, own: false }] }
  })
  if (device !== undefined) return device
  throw refusal(attaching, `The VM ${id} has ${devices.length} disks already.`, {
    code: 'invalid_request',
    remedy: 'Detach one first.',
  })
}

async function freePlace(
  { id, host }: Found<'vm'>,
  volume: string,
  { keepClaim = false }: { keepClaim?: boolean } = {},
): Promise<void> {
  await host.records.change('vm', id, (vm): VmRecord => ({
    ...vm,
    disks: vm.disks.filter((disk) => disk.volume !== volume),
  }))
  if (keepClaim) return
  await host.records.change('volume', volume, (body) => freed(body, id))
}

async function assertNotSuspended(operation: string, { id, host }: Found<'vm'>): Promise<void> {
  if ((await stateOn(host, id)) === 'saved')
    throw wrongState(operation, id, 'is suspended', 'Resume it first: what its memory knows must stay true.')
}

const devices = Array.from(
  { length: 16 },
  (_, index) => `vd${String.fromCharCode('a'.charCodeAt(0) + index)}`,
)
