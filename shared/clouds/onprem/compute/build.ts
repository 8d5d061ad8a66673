import type { CreateVm } from '#shared/clouds/port.ts'
import { seedImage } from '#shared/clouds/onprem/cloud-init/seed.ts'
import { stateOn } from '#shared/clouds/onprem/compute/describe.ts'
import { withRoom } from '#shared/clouds/onprem/compute/room.ts'
import type { Needs } from '#shared/clouds/onprem/compute/needs.ts'
import { machineDisks } from '#shared/clouds/onprem/compute/machine-disks.ts'
import type { WishedDisk, Wishes } from '#shared/clouds/onprem/compute/wishes.ts'
import type { MachineNic, VolumeRef } from '#shared/clouds/onprem/host.ts'
import type { Found, Host, Site } from '#shared/clouds/onprem/hosts.ts'
import type { VmRecord } from '#shared/clouds/onprem/records.ts'
import { makeVolume } from '#shared/clouds/onprem/volumes/make.ts'
import { moveVolume } from '#shared/clouds/onprem/volumes/move.ts'
import { seedRef } from '#shared/clouds/onprem/volumes/refs.ts'

/** Makes everything of a VM whose record is on its host, and starts it. Each part may be there from an earlier try. */
export async function buildVm(
  site: Site,
  needs: Needs,
  { id, body, host }: Found<'vm'>,
  request: CreateVm,
  wishes: Wishes,
): Promise<Found<'vm'>> {
  const { nic, address } = await needs.networks.join(host, id, wishes.network)
  const placed: VmRecord = { ...body, placed: true, ...(address === undefined ? {} : { address }) }
  await host.records.put('vm', id, placed)

  await makeDisks(site, needs, { id, body, host }, request, wishes)
  // One that runs was defined by an earlier try, as it is to be.
  const state = await stateOn(host, id)
  if (state !== 'running' && state !== 'paused') await define(host, id, placed, request, wishes, nic)
  await host.machines.start(id)
  await needs.networks.apply(host, id, placed)

  const ready: VmRecord = { ...placed, phase: 'ready', powered: [{ on: new Date().toISOString() }] }
  await host.records.put('vm', id, ready)
  return { id, body: ready, host }
}

async function define(
  host: Host,
  id: string,
  record: VmRecord,
  request: CreateVm,
  wishes: Wishes,
  nic: MachineNic,
): Promise<void> {
  const disks = await machineDisks(host, record)
  const seed = seedRef(id, disks[0]?.volume.pool ?? '')
  await host.volumes.writeFile(seed, seedOf(id, request, wishes, nic))
  const { name, architecture, firmware } = record
  const size = await withRoom(host, record)
  await host.machines.define({ ...size, id, name, architecture, firmware, disks, seed, nics: [nic] })
}

async function makeDisks(
  site: Site,
  needs: Needs,
  { id: vm, body, host }: Found<'vm'>,
  request: CreateVm,
  { disks, image }: Wishes,
): Promise<void> {
  let files: Promise<VolumeRef[]> | undefined
  const fileOf = async (index: number) => {
    if (image) files ??= needs.images.copyTo(host, { id: image.id, record: image.body })
    return (await files)?.[index]
  }
  for (const [index, disk] of disks.entries()) {
    const device = body.disks[index]?.device ?? ''
    if ('given' in disk) await takeDisk(site, disk.given, { vm, device, host, request })
    else await makeDisk(disk, fileOf, { vm, device, host, request })
  }
}

type Slot = { vm: string; device: string; host: Found<'vm'>['host']; request: CreateVm }

async function makeDisk(
  { id, fromImage, sizeBytes, ...encryption }: Extract<WishedDisk, { fromImage: number }>,
  fileOf: (index: number) => Promise<VolumeRef | undefined>,
  { vm, device, host, request: { name, tags } }: Slot,
): Promise<void> {
  if ((await host.records.get('volume', id))?.state === 'available') return
  const ref = await fileOf(fromImage)
  if (ref === undefined) throw new Error(`the image has no disk ${fromImage}`)
  await makeVolume(host, { id, name, tags, sizeBytes, type: 'ssd', vm, device, ...encryption }, { host, ref })
}

/** A written disk becomes the VM's; it is brought to the VM's host if it lies elsewhere. */
async function takeDisk(site: Site, given: Found<'volume'>, { vm, device, host }: Slot): Promise<void> {
  const record = await moveVolume(site, given, host)
  if (record.vm !== vm || record.device !== device)
    await host.records.put('volume', given.id, { ...record, vm, device })
}

const seedOf = (
  id: string,
  { name, userData }: CreateVm,
  { publicKeys }: Wishes,
  { mac }: MachineNic,
): Buffer =>
  seedImage({
    instanceId: id,
    hostname: name,
    publicKeys,
    ...(userData === undefined ? {} : { userData }),
    network: [{ mac }],
  })
