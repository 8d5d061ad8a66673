import { forgetSnapshot } from '#shared/clouds/onprem/billing/usage.ts'
import { cleanChain } from '#shared/clouds/onprem/disks/chain.ts'
import { turnOf } from '#shared/clouds/onprem/disks/snapshot.ts'
import type { Host } from '#shared/clouds/onprem/hosts.ts'
import type { SnapshotRecord } from '#shared/clouds/onprem/records.ts'
import type { Stored } from '#shared/clouds/onprem/record-store.ts'
import { copyAcross } from '#shared/clouds/onprem/volumes/across.ts'
import { roomiestPool } from '#shared/clouds/onprem/placement/view.ts'
import { snapshotRef } from '#shared/clouds/onprem/volumes/refs.ts'

/** Volumes that go from a host to another; their snapshots go with them. */
export interface Journey {
  from: Host
  to: Host
  /** Pool at the new host, by volume. */
  pools: ReadonlyMap<string, string>
  /** The VM that goes: snapshots that were taken of it go too, if their volume is there no more. */
  vm?: string
}

/**
 * Copies the snapshots to the new host, each on what it builds on there, while they are and stay the old host's. What was brought whole by an
 * earlier try is left as it is; what was cut off is made anew.
 */
export async function bringSnapshots(journey: Journey): Promise<void> {
  for (const snapshot of await snapshotsOf(journey)) await bring(journey, snapshot)
}

/** Bytes that they take up at the old host. */
export async function bytesOfSnapshots(journey: Omit<Journey, 'to'>): Promise<number> {
  const sizes = (await snapshotsOf(journey)).map(({ id, body }) =>
    journey.from.volumes.get(snapshotRef(id, body)),
  )
  return (await Promise.all(sizes)).reduce((sum, facts) => sum + (facts?.allocatedBytes ?? 0), 0)
}

/**
 * Their volumes have left: the snapshots are the new host's from now on, and go from the old one. No file goes before its copy is durable and
 * proved. Done again it finishes what was cut off.
 */
export async function handOverSnapshots(journey: Journey): Promise<void> {
  const { from, to } = journey
  // Those that were taken since.
  await bringSnapshots(journey)
  const all = await snapshotsOf(journey)
  for (const snapshot of all)
    if (snapshot.body.state === 'ready') await settle(journey, snapshot)
    else await from.records.alone(turnOf(snapshot.id), () => settle(journey, snapshot))
  for (const { id, body } of all.toReversed()) {
    await from.volumes.delete(snapshotRef(id, body))
    await forgetSnapshot(from, id, body)
    await from.records.remove('snapshot', id)
  }
  // Those that were deleted since.
  await dropArrivals(to, new Set(journey.pools.keys()), journey.vm)
  for (const { id, body } of all) if (body.deleted) await cleanChain(to, id)
}

/** Removes from a host the snapshots that were on their way there with these volumes or this VM. None is fine. */
export async function dropArrivals(
  host: Host,
  volumes: ReadonlySet<string>,
  vm: string | undefined,
): Promise<void> {
  const all = await host.records.list('snapshot')
  const arriving = all.filter(
    ({ body }) =>
      body.arriving !== undefined && (volumes.has(body.volume) || (vm !== undefined && body.vm === vm)),
  )
  for (const { id, body } of parentsFirst(arriving).toReversed()) {
    await host.volumes.delete(snapshotRef(id, body))
    await host.records.remove('snapshot', id)
  }
}

/** All that go, those that others build on first. */
async function snapshotsOf({
  from,
  pools,
  vm,
}: Pick<Journey, 'from' | 'pools' | 'vm'>): Promise<Stored<'snapshot'>[]> {
  const [all, there] = await Promise.all([from.records.list('snapshot'), from.records.list('volume')])
  const staying = new Set(there.map(({ id }) => id).filter((id) => !pools.has(id)))
  // A disk that was replaced from a snapshot is gone, and its snapshots are still the VM's.
  const orphaned = all.filter(({ body }) => vm !== undefined && body.vm === vm && !staying.has(body.volume))
  const going = new Set([...pools.keys(), ...orphaned.map(({ body }) => body.volume)])
  return parentsFirst(all.filter(({ body }) => going.has(body.volume)))
}

function parentsFirst(all: readonly Stored<'snapshot'>[]): Stored<'snapshot'>[] {
  const byId = new Map(all.map(({ id, body }) => [id, body]))
  const depthOf = ({ parent }: SnapshotRecord): number => {
    let depth = 0
    for (let at = parent; at !== undefined; at = byId.get(at)?.parent) depth++
    return depth
  }
  return all.toSorted((a, b) => depthOf(a.body) - depthOf(b.body))
}

async function bring({ from, to, pools }: Journey, { id, body }: Stored<'snapshot'>): Promise<void> {
  if (body.state !== 'ready' || body.moving !== undefined) return
  const there = await to.records.get('snapshot', id)
  if (there && there.arriving !== 'begun') return
  const pool = there?.pool ?? (await poolFor({ to, pools }, body))
  const record: SnapshotRecord = { ...body, pool, arriving: 'begun' }
  await to.records.put('snapshot', id, record)
  await copyAcross(
    { host: from, ref: snapshotRef(id, body) },
    { host: to, ref: snapshotRef(id, record) },
    body.sizeBytes,
    body.parent === undefined ? undefined : await baseOf({ from, to }, body.parent),
  )
  const facts = await to.volumes.get(snapshotRef(id, record))
  const stored = facts ? { storedBytes: facts.allocatedBytes } : {}
  await to.records.put('snapshot', id, { ...record, ...stored, arriving: 'whole' })
}

async function baseOf({ from, to }: Pick<Journey, 'from' | 'to'>, parent: string) {
  const [here, there] = await Promise.all([
    from.records.get('snapshot', parent),
    to.records.get('snapshot', parent),
  ])
  return here && there && { from: snapshotRef(parent, here), to: snapshotRef(parent, there) }
}

/** With its volume, so that the next one can build on it; else a pool of the same name, or any. */
async function poolFor({ to, pools }: Pick<Journey, 'to' | 'pools'>, body: SnapshotRecord): Promise<string> {
  const given = pools.get(body.volume)
  if (given !== undefined) return given
  const all = await to.volumes.pools()
  return all.some(({ name }) => name === body.pool) ? body.pool : (await roomiestPool(to)).name
}

/** From here on it is the new host's. That it goes is said at the old one before, so that one which is deleted there stays deleted. */
async function settle({ from, to, pools }: Journey, { id, body }: Stored<'snapshot'>): Promise<void> {
  const { moving, ...record } = body
  if (moving === undefined) await from.records.put('snapshot', id, { ...body, moving: { to: to.name } })
  const there = await to.records.get('snapshot', id)
  if (there ? there.arriving === undefined : moving !== undefined) return
  await to.records.put('snapshot', id, {
    ...record,
    ...(there?.storedBytes === undefined ? {} : { storedBytes: there.storedBytes }),
    arrivedAt: new Date().toISOString(),
    pool: there?.pool ?? (await poolFor({ to, pools }, body)),
  })
}
