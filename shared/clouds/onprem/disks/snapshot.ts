import { callSignal } from '#shared/clouds/scope.ts'
import type { CloudRef, DisksFacet } from '#shared/clouds/port.ts'
import { requireVolume } from '#shared/clouds/onprem/compute/find.ts'
import { cleanChain } from '#shared/clouds/onprem/disks/chain.ts'
import type { Found, Host, Site } from '#shared/clouds/onprem/hosts.ts'
import { idFor } from '#shared/clouds/onprem/ids.ts'
import type { SnapshotRecord } from '#shared/clouds/onprem/records.ts'
import type { Stored } from '#shared/clouds/onprem/record-store.ts'
import { refusal } from '#shared/clouds/onprem/refusals.ts'
import { snapshotRef, volumeRef } from '#shared/clouds/onprem/volumes/refs.ts'

type CreateSnapshot = Parameters<DisksFacet['createSnapshot']>[0]

/**
 * Copies a volume's content to a file of its own; only what changed, if an earlier snapshot's changes are still tracked. The call lasts as long
 * as the copy. One that died is taken up by the next call with the same token; until then its snapshot is `failed`.
 */
export async function createSnapshot(site: Site, request: CreateSnapshot): Promise<CloudRef> {
  const { region, token } = request
  const id = idFor('snap', token)
  const known = await site.find('snapshot', id, region)
  if (known?.body.state === 'ready') return { region, id }
  const volume = await requireVolume(site, operation, { region, id: request.disk.id })
  if (volume.body.state !== 'available' || volume.body.written === 'open')
    throw refusal(operation, `The volume ${volume.id} is not ready.`, { code: 'conflict', kind: 'retryable' })
  if (known && known.host !== volume.host) await dropHalf(known)
  await volume.host.records.alone(turnOf(id), () => takeSnapshot(volume, id, request))
  return { region, id }
}

/** Does somebody work on it? */
export const isAtWork = (host: Host, id: string): Promise<boolean> => host.records.held(turnOf(id))

/** The turn that is taken to work on a snapshot. */
export const turnOf = (id: string): string => `snapshot-${id}`

const operation = 'disks.createSnapshot'

/** What was begun before the volume moved to another host. */
async function dropHalf({ id, body, host }: Found<'snapshot'>): Promise<void> {
  await host.volumes.delete(snapshotRef(id, body))
  await host.records.remove('snapshot', id)
}

async function takeSnapshot(volume: Found<'volume'>, id: string, request: CreateSnapshot): Promise<void> {
  const { records } = volume.host
  const before = await records.get('snapshot', id)
  if (before?.state === 'ready') return
  const base = await baseFor(volume, id)
  const record: SnapshotRecord = {
    name: request.name ?? volume.body.name,
    tags: request.tags,
    createdAt: before?.createdAt ?? new Date().toISOString(),
    volume: volume.id,
    pool: volume.body.pool,
    sizeBytes: volume.body.sizeBytes,
    ...(volume.body.keyName === undefined ? {} : { keyName: volume.body.keyName }),
    ...(volume.body.vm === undefined ? {} : { vm: volume.body.vm }),
    ...(base === undefined ? {} : { parent: base.id }),
    state: 'pending',
  }
  await records.put('snapshot', id, record)
  // Written first, looked at then: whoever deletes the base meanwhile sees that something builds on it.
  const parent = base && (await records.get('snapshot', base.id))
  const since = parent && !parent.deleted ? base : undefined
  try {
    await copy(volume, { id, body: record }, since)
  } catch (error) {
    if (!callSignal()?.aborted && error instanceof Error) {
      const failed: SnapshotRecord = { ...record, state: 'failed', error: error.message }
      await records.put('snapshot', id, failed).catch(() => undefined)
    }
    throw error
  }
}

async function copy(
  { id: volume, body, host }: Found<'volume'>,
  snapshot: Stored<'snapshot'>,
  since: Stored<'snapshot'> | undefined,
): Promise<void> {
  const { parent, ...record } = snapshot.body
  const { incremental } = await host.volumes.backup(
    volumeRef(volume, body),
    snapshotRef(snapshot.id, record),
    {
      ...(await machineOf(host, body.vm)),
      ...(since === undefined ? {} : { since: snapshotRef(since.id, since.body) }),
    },
  )
  const kept = incremental && since ? { parent: since.id } : {}
  const facts = await host.volumes.get(snapshotRef(snapshot.id, record))
  const stored = facts ? { storedBytes: facts.allocatedBytes } : {}
  await host.records.put('snapshot', snapshot.id, { ...record, ...kept, ...stored, state: 'ready' })
  if (parent !== undefined && !incremental) await cleanChain(host, parent)
  await forgetOlder(host, volume, snapshot.id)
}

/** A volume that no machine has open is read as it lies there. */
async function machineOf(host: Host, vm: string | undefined): Promise<{ machine?: string }> {
  const state = vm === undefined ? undefined : (await host.machines.status(vm))?.state
  return vm !== undefined && (state === 'running' || state === 'paused') ? { machine: vm } : {}
}

/** The newest snapshot of the volume, unless too many files build on each other already: then a whole one begins a new chain. */
async function baseFor(volume: Found<'volume'>, id: string): Promise<Stored<'snapshot'> | undefined> {
  const all = await snapshotsOf(volume.host, volume.id)
  const newest = all.find((each) => each.id !== id && each.body.state === 'ready' && !each.body.deleted)
  if (newest === undefined || newest.body.pool !== volume.body.pool) return undefined
  const byId = new Map(all.map((each) => [each.id, each.body]))
  let files = 1
  for (let at = newest.body.parent; at !== undefined; at = byId.get(at)?.parent) files++
  return files < longestChain ? newest : undefined
}

/** Newest first. */
const snapshotsOf = async (host: Host, volume: string): Promise<Stored<'snapshot'>[]> =>
  (await host.records.list('snapshot'))
    .filter(({ body }) => body.volume === volume && body.arriving === undefined)
    .toSorted((a, b) => b.body.createdAt.localeCompare(a.body.createdAt) || b.id.localeCompare(a.id))

/** Only changes since the newest are of use; tracking more slows the guest's writes. */
async function forgetOlder(host: Host, volume: string, newest: string): Promise<void> {
  const record = await host.records.get('volume', volume)
  if (record === undefined) return
  const machine = await machineOf(host, record.vm)
  const all = await snapshotsOf(host, volume)
  const second = all.find(({ id, body }) => id !== newest && body.state === 'ready')
  if (second)
    await host.volumes.forgetMark(
      volumeRef(volume, record),
      snapshotRef(second.id, second.body).name,
      machine.machine,
    )
}

/** Each file costs every read a look; a restore reads through all of them. */
const longestChain = 16
