import type { CloudRef, VolumesFacet } from '#shared/clouds/port.ts'
import type { Found, Host, Site } from '#shared/clouds/onprem/hosts.ts'
import { idFor } from '#shared/clouds/onprem/ids.ts'
import { hostsInMaintenance, roomiestPool } from '#shared/clouds/onprem/placement/view.ts'
import { notFound, refusal } from '#shared/clouds/onprem/refusals.ts'
import { encryptionOf, makeVolume } from '#shared/clouds/onprem/volumes/make.ts'
import { gibibyte, snapshotRef } from '#shared/clouds/onprem/volumes/refs.ts'

type CreateVolume = Parameters<VolumesFacet['create']>[0]

/** Makes a volume, empty or of a snapshot; or finishes what an earlier call with the same token began, where that is. */
export async function createVolume(site: Site, request: CreateVolume): Promise<CloudRef> {
  const { region, zone, name, tags, type } = request
  const id = idFor('vol', request.token)
  const sizeBytes = request.sizeGib * gibibyte
  const encryption = encryptionOf(site, operation, id, request.encryption)
  const known = await site.find('volume', id, region)
  if (known && known.body.state !== 'creating') return { region, id }
  const snapshot = request.snapshot && (await snapshotFor(site, region, request.snapshot, sizeBytes))
  const host = known?.host ?? (await hostForVolume(site, operation, region, zone, snapshot?.host))
  await makeVolume(
    host,
    { id, name, tags, sizeBytes, type, ...encryption },
    snapshot && { host: snapshot.host, ref: snapshotRef(snapshot.id, snapshot.body) },
  )
  return { region, id }
}

/** The host that is named; else `near`, if it takes anything new; else the one with the most room in a pool. */
export async function hostForVolume(
  site: Site,
  of: string,
  region: string,
  zone: string | undefined,
  near: Host | undefined,
): Promise<Host> {
  const hosts = site.inRegion(region)
  if (zone !== undefined) {
    const named = hosts.find(({ name }) => name === zone)
    if (named) return named
    throw refusal(of, `zone: there is no host ${zone} at ${region}.`, {
      code: 'invalid_request',
      remedy: `Use one of: ${hosts.map(({ name }) => name).join(', ')}; or leave it out.`,
    })
  }
  const resting = await hostsInMaintenance(site, region)
  if (near && !resting.has(near.name)) return near
  const open = hosts.filter((host) => !resting.has(host.name))
  const rooms = await Promise.allSettled(open.map(roomiestPool))
  const answers = rooms.flatMap((room, index) => {
    const host = open[index]
    return room.status === 'fulfilled' && host ? [{ host, freeBytes: room.value.freeBytes }] : []
  })
  const [best] = answers.toSorted((a, b) => b.freeBytes - a.freeBytes || (a.host.name < b.host.name ? -1 : 1))
  if (best) return best.host
  for (const room of rooms) if (room.status === 'rejected') throw room.reason
  throw refusal(of, `Every host of ${region} is in maintenance.`, {
    code: 'capacity',
    kind: 'capacity',
    scope: 'region',
    remedy: 'End the maintenance of a host, or register another one.',
  })
}

const operation = 'storage.volumes.create'

async function snapshotFor(
  site: Site,
  region: string,
  { id }: CloudRef,
  sizeBytes: number,
): Promise<Found<'snapshot'>> {
  const found = await site.find('snapshot', id, region)
  if (found === undefined || found.body.deleted) throw notFound(operation, 'snapshot', { region, id })
  if (found.body.state !== 'ready')
    throw refusal(operation, `The snapshot ${id} is ${found.body.state}.`, {
      code: 'conflict',
      kind: found.body.state === 'pending' ? 'retryable' : 'permanent',
    })
  if (sizeBytes >= found.body.sizeBytes) return found
  throw refusal(
    operation,
    `size_gib: the snapshot ${id} needs ${Math.ceil(found.body.sizeBytes / gibibyte)} GiB.`,
    {
      code: 'invalid_request',
      remedy: 'Ask for that, or more.',
    },
  )
}
