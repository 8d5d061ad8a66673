import type { Found, Site } from '#shared/clouds/onprem/hosts.ts'
import { requireSnapshot } from '#shared/clouds/onprem/disks/find.ts'
import { snapshotRef } from '#shared/clouds/onprem/volumes/refs.ts'
import type { CloudRef } from '#shared/clouds/port.ts'
import type { DiskSource, Extent } from '#shared/disks/port.ts'

/**
 * A snapshot's bytes where they may differ from an earlier one's. If its file builds on that one's, what was written since; else everything
 * that either of them has.
 */
export async function openChanges(site: Site, base: CloudRef, ref: CloudRef): Promise<DiskSource> {
  const [from, to] = await Promise.all([
    requireSnapshot(site, 'disks.openChanges', base),
    requireSnapshot(site, 'disks.openChanges', ref),
  ])
  const source = snapshotRef(to.id, to.body)
  if (await buildsOn(to, from))
    return to.host.volumes.openSource(source, { since: snapshotRef(from.id, from.body) })
  const whole = await to.host.volumes.openSource(source)
  try {
    const before = await from.host.volumes.openSource(snapshotRef(from.id, from.body))
    return eitherOf(whole, before)
  } catch (error) {
    await whole.close()
    throw error
  }
}

async function buildsOn(to: Found<'snapshot'>, from: Found<'snapshot'>): Promise<boolean> {
  if (to.host.name !== from.host.name) return false
  let at = to.body.parent
  while (at !== undefined && at !== from.id) at = (await to.host.records.get('snapshot', at))?.parent
  return at === from.id
}

/** Bytes of `whole`, at the extents of both: what only `before` has was cleared since. */
function eitherOf(whole: DiskSource, before: DiskSource): DiskSource {
  return {
    sizeBytes: whole.sizeBytes,
    granularityBytes: whole.granularityBytes,
    preferredChunkBytes: whole.preferredChunkBytes,
    extents: (signal) => within(merged(whole.extents(signal), before.extents(signal)), whole.sizeBytes),
    read: (extent, signal) => whole.read(extent, signal),
    async close() {
      await Promise.all([whole.close(), before.close()])
    },
  }
}

/** Both in ascending order, where they touch or overlap as one. */
export async function* merged(
  one: AsyncIterable<Extent>,
  other: AsyncIterable<Extent>,
): AsyncGenerator<Extent> {
  let pending: Extent | undefined
  for await (const extent of inOrder(one, other)) {
    const end = pending === undefined ? -1 : pending.offset + pending.length
    if (pending !== undefined && extent.offset <= end) {
      pending = {
        offset: pending.offset,
        length: Math.max(end, extent.offset + extent.length) - pending.offset,
      }
      continue
    }
    if (pending !== undefined) yield pending
    pending = extent
  }
  if (pending !== undefined) yield pending
}

async function* inOrder(one: AsyncIterable<Extent>, other: AsyncIterable<Extent>): AsyncGenerator<Extent> {
  const [left, right] = [one[Symbol.asyncIterator](), other[Symbol.asyncIterator]()]
  const first = async (of: AsyncIterator<Extent>): Promise<Extent | undefined> => {
    const result = await of.next()
    return result.done === true ? undefined : result.value
  }
  let [a, b] = await Promise.all([first(left), first(right)])
  while (a !== undefined || b !== undefined) {
    if (a !== undefined && (b === undefined || a.offset <= b.offset)) {
      yield a
      a = await first(left)
    } else if (b !== undefined) {
      yield b
      b = await first(right)
    }
  }
}

async function* within(extents: AsyncIterable<Extent>, sizeBytes: number): AsyncGenerator<Extent> {
  for await (const { offset, length } of extents)
    if (offset < sizeBytes) yield { offset, length: Math.min(length, sizeBytes - offset) }
}
