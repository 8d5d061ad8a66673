import { forgetVolume } from '#shared/clouds/onprem/billing/usage.ts'
import { bringSnapshots, handOverSnapshots, type Journey } from '#shared/clouds/onprem/hosts/snapshots.ts'
import type { Found, Host, Site } from '#shared/clouds/onprem/hosts.ts'
import { roomiestPool } from '#shared/clouds/onprem/placement/view.ts'
import type { VolumeRecord } from '#shared/clouds/onprem/records.ts'
import { copyAcross } from '#shared/clouds/onprem/volumes/across.ts'
import { volumeRef } from '#shared/clouds/onprem/volumes/refs.ts'

/**
 * Brings an unattached volume with its snapshots to a host, wherever in the location it lies. There already is fine; one whose move was cut off is moved again, or
 * only its old place is cleared.
 */
export async function moveVolume(site: Site, volume: Found<'volume'>, to: Host): Promise<VolumeRecord> {
  const { id } = volume
  const there = await to.records.get('volume', id)
  const record = there ?? (await copyTo(volume, to))
  const others = site.inRegion(to.region).filter(({ name }) => name !== to.name)
  for (const host of others) {
    const left = await host.records.get('volume', id)
    if (left === undefined) continue
    await host.volumes.delete(volumeRef(id, left))
    await forgetVolume(host, id, left)
    await handOverSnapshots(journeyOf(id, host, to, record.pool))
    await host.records.remove('volume', id)
  }
  return record
}

async function copyTo({ id, body, host }: Found<'volume'>, to: Host): Promise<VolumeRecord> {
  const record: VolumeRecord = { ...body, pool: await poolFor(to, id, body) }
  await bringSnapshots(journeyOf(id, host, to, record.pool))
  await copyAcross(
    { host, ref: volumeRef(id, body) },
    { host: to, ref: volumeRef(id, record) },
    body.sizeBytes,
  )
  const arrived: VolumeRecord = { ...record, arrivedAt: new Date().toISOString() }
  await to.records.put('volume', id, arrived)
  return arrived
}

const journeyOf = (id: string, from: Host, to: Host, pool: string): Journey => ({
  from,
  to,
  pools: new Map([[id, pool]]),
})

/** The one where an earlier try has begun, so that nothing is left over in another. */
async function poolFor(to: Host, id: string, body: VolumeRecord): Promise<string> {
  for (const { name } of await to.volumes.pools())
    if (await to.volumes.get(volumeRef(id, { ...body, pool: name }))) return name
  return (await roomiestPool(to)).name
}
