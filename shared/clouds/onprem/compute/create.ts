import { CloudError } from '#shared/clouds/errors.ts'
import type { CreateVm } from '#shared/clouds/port.ts'
import { buildVm } from '#shared/clouds/onprem/compute/build.ts'
import type { Needs } from '#shared/clouds/onprem/compute/needs.ts'
import { giveUpVm } from '#shared/clouds/onprem/compute/remove.ts'
import { checkWishes, resolveWishes, type Wishes } from '#shared/clouds/onprem/compute/wishes.ts'
import type { Found, Site } from '#shared/clouds/onprem/hosts.ts'
import { idFor } from '#shared/clouds/onprem/ids.ts'
import { claimHost, keepsRoom } from '#shared/clouds/onprem/placement/claim.ts'
import type { Demand } from '#shared/clouds/onprem/placement/rank.ts'
import { capacityOf } from '#shared/clouds/onprem/placement/view.ts'
import type { VmRecord } from '#shared/clouds/onprem/records.ts'

/**
 * Makes a VM, or finishes what an earlier call with the same token began: on the host where that is, also if no new ones are placed there
 * any more. Whatever is made is on record first, under names that the token gives.
 */
export async function createVm(site: Site, needs: Needs, request: CreateVm): Promise<Found<'vm'>> {
  checkWishes(site, needs, request)
  const id = idFor('vm', request.token)
  const found = await site.find('vm', id, request.region)
  if (found?.body.phase === 'ready') return found
  // An earlier try found no room, and died before all of it was taken back.
  if (found?.body.phase === 'deleting') await giveUpVm(needs, found)
  const known = found?.body.phase === 'deleting' ? undefined : found

  const wishes = await resolveWishes(site, needs, id, request)
  const vm = (known && (await stillClaimed(known))) ?? (await claim(site, id, request, wishes))
  try {
    return await buildVm(site, needs, vm, request, wishes)
  } catch (error) {
    // Elsewhere there may be room: the next try is free to go there.
    if (error instanceof CloudError && error.kind === 'capacity')
      await giveUpVm(needs, vm).catch(() => undefined)
    throw error
  }
}

async function claim(site: Site, id: string, request: CreateVm, wishes: Wishes): Promise<Found<'vm'>> {
  const record = recordOf(request, wishes)
  const host = await claimHost(site, request.region, demandOf(id, request, wishes), record)
  return { id, body: (await host.records.get('vm', id)) ?? record, host }
}

/** Of a call that died before it had counted, the claim may be one too many. */
async function stillClaimed({ id, body, host }: Found<'vm'>): Promise<Found<'vm'> | undefined> {
  const dedicated = body.tenancy === 'dedicated'
  if (body.placed || (await keepsRoom(host, { ...body, id, dedicated }, await capacityOf(host))))
    return { id, body, host }
  await host.records.remove('vm', id)
  return undefined
}

function demandOf(id: string, request: CreateVm, wishes: Wishes): Demand {
  const { size, architecture, firmware, network, disks } = wishes
  const near = disks.flatMap((disk) => ('given' in disk ? [disk.given.host.name] : []))[0]
  return {
    id,
    vcpus: size.vcpus,
    memoryMib: size.memoryMib,
    storageBytes: wishes.image?.body.disks.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0) ?? 0,
    architecture,
    firmware,
    network: { kind: network.kind, ...(network.bridge === undefined ? {} : { bridge: network.bridge }) },
    dedicated: request.tenancy === 'dedicated',
    ...(request.zone === undefined ? {} : { zone: request.zone }),
    ...(near === undefined ? {} : { near }),
  }
}

function recordOf(request: CreateVm, wishes: Wishes): VmRecord {
  const { size, architecture, firmware, network, disks, image } = wishes
  return {
    name: request.name,
    tags: request.tags,
    createdAt: new Date().toISOString(),
    instanceType: size.name,
    vcpus: size.vcpus,
    memoryMib: size.memoryMib,
    architecture,
    firmware,
    disks: disks.map(({ id }, index) => ({ volume: id, device: deviceAt(index), own: true })),
    ...(image === undefined ? {} : { imageId: image.id }),
    ...(request.keyPair === undefined ? {} : { keyPair: request.keyPair }),
    securityGroups: network.securityGroups,
    ...(network.subnet === undefined ? {} : { subnet: network.subnet }),
    phase: 'creating',
    ...(request.tenancy === undefined ? {} : { tenancy: request.tenancy }),
    ...(request.detailedMonitoring === undefined ? {} : { detailedMonitoring: request.detailedMonitoring }),
    powered: [],
  }
}

const deviceAt = (index: number): string => `vd${String.fromCharCode('a'.charCodeAt(0) + index)}`
