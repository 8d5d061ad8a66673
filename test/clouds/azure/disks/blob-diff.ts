import type { PlainReply, PlainRequest } from '#test/clouds/core/server.ts'
import { describe, open, rangeOf, thingAt } from '#test/clouds/azure/blob-bytes.ts'
import type { Context } from '#test/clouds/azure/context.ts'
import type { Snapshot } from '#test/clouds/azure/estate.ts'
import { escapeXml, Refusal } from '#test/clouds/azure/replies.ts'

/** The unit of comparison: the store knows what was written in units of this size. */
const granuleBytes = 4096

/** Ranges in one answer. The service's limit is 10,000; lower, so that paging happens. */
const mostRanges = 200

/** The ranges in which a snapshot differs from an earlier one of its disk, which is named by an access signature of its own. */
export async function listChanges(context: Context, request: PlainRequest): Promise<PlainReply> {
  const blob = await open(context, request.url)
  const later = snapshotAt(context, request.url)
  const earlierUrl = new URL(request.headers['x-ms-previous-snapshot-url'] ?? '')
  context.signatures.check(earlierUrl, 'Read')
  const earlier = snapshotAt(context, earlierUrl)
  if (earlier.sourceUniqueId !== later.sourceUniqueId || !isIncremental(earlier) || !isIncremental(later)) {
    throw new Refusal(
      409,
      'PreviousSnapshotNotFound',
      'The previous snapshot is not an incremental snapshot of the same disk.',
    )
  }
  if (earlier.createdAt > later.createdAt)
    throw new Refusal(400, 'PreviousSnapshotCannotBeNewer', 'The previous snapshot cannot be newer.')
  const { offset, length } = rangeOf(request.headers, blob.sizeBytes) ?? { offset: 0, length: blob.sizeBytes }
  const changes = (await changesBetween(context, earlier, later)).filter(
    ({ start, end }) => start < offset + length && end > offset,
  )
  const page = changes.slice(0, mostRanges)
  const next = changes[mostRanges]
  const items = page.map(({ start, end, cleared }) => {
    const tag = cleared ? 'ClearRange' : 'PageRange'
    const [from, to] = [Math.max(start, offset), Math.min(end, offset + length) - 1]
    return `<${tag}><Start>${from}</Start><End>${to}</End></${tag}>`
  })
  const marker = next
    ? `<NextMarker>${escapeXml(Buffer.from(`2!${next.start}`).toString('base64'))}</NextMarker>`
    : '<NextMarker/>'
  return {
    status: 200,
    headers: {
      ...describe(blob),
      'content-type': 'application/xml',
      'x-ms-blob-content-length': String(blob.sizeBytes),
    },
    body: `<?xml version="1.0" encoding="utf-8"?><PageList>${items.join('')}${marker}</PageList>`,
  }
}

interface Change {
  start: number
  end: number
  /** It reads as zero now. */
  cleared: boolean
}

function snapshotAt(context: Context, url: URL): Snapshot {
  const thing = thingAt(context, url.pathname)
  if (thing.kind === 'snapshot') return thing
  throw new Refusal(409, 'PreviousSnapshotOperationNotSupported', 'Changes are listed of snapshots only.')
}

const isIncremental = ({ given }: Snapshot): boolean => given['incremental'] === true

async function changesBetween({ store }: Context, earlier: Snapshot, later: Snapshot): Promise<Change[]> {
  const written = new Set([
    ...(await store.allocated(earlier.storeId, granuleBytes)),
    ...(await store.allocated(later.storeId, granuleBytes)),
  ])
  const changes: Change[] = []
  for (const granule of [...written].toSorted((a, b) => a - b)) {
    const start = granule * granuleBytes
    const end = Math.min(start + granuleBytes, later.sizeBytes)
    const before = await readUpTo(store, earlier, start, end)
    const after = await readUpTo(store, later, start, end)
    if (before.equals(after)) continue
    const cleared = after.every((byte) => byte === 0)
    const last = changes.at(-1)
    if (last?.end === start && last.cleared === cleared) last.end = end
    else changes.push({ start, end, cleared })
  }
  return changes
}

/** The earlier one may be smaller: the disk has grown since. */
async function readUpTo(
  store: Context['store'],
  { storeId, sizeBytes }: Snapshot,
  start: number,
  end: number,
): Promise<Buffer> {
  const length = Math.max(0, Math.min(end, sizeBytes) - start)
  const data = length === 0 ? Buffer.alloc(0) : await store.read(storeId, start, length)
  return length === end - start ? data : Buffer.concat([data, Buffer.alloc(end - start - length)])
}
