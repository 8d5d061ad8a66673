import type { GrantedBlob } from '#shared/clouds/azure/disks/access.ts'
import type { Extent } from '#shared/disks/port.ts'

/**
 * What differs between two snapshots of a disk, in ascending order: pages written and pages cleared since. Azure compares a snapshot with the access
 * signature of an earlier one, and gives at most 10,000 ranges at a time; its SDK takes no marker for this, so the next page begins where the
 * last range ended.
 */
export async function* listChanges(
  before: GrantedBlob,
  after: GrantedBlob,
  sizeBytes: number,
  signal?: AbortSignal,
): AsyncIterable<Extent> {
  for (let from = 0; from < sizeBytes;) {
    signal?.throwIfAborted()
    const offset = from
    const page: DiffPage = await before.use('PageBlob_GetPageRangesDiff', (earlier) =>
      after.use('PageBlob_GetPageRangesDiff', (client) =>
        client.getPageRangesDiffForManagedDisks(offset, sizeBytes - offset, earlier.url),
      ),
    )
    const ranges = [...(page.pageRange ?? []), ...(page.clearRange ?? [])].toSorted(
      (a, b) => a.offset - b.offset,
    )
    let end = from
    for (const range of ranges) {
      const start = Math.max(range.offset, end)
      end = Math.max(end, Math.min(range.offset + wholePages(range.count ?? 0), sizeBytes))
      if (end > start) yield { offset: start, length: end - start }
    }
    if (!page.continuationToken || end === from) return
    from = end
  }
}

/** The SDK takes the last byte's place for the length, which leaves that byte out. Ranges are of whole pages. */
const wholePages = (count: number): number => Math.ceil(count / pageBytes) * pageBytes

const pageBytes = 512

interface DiffPage {
  pageRange?: { offset: number; count?: number }[]
  clearRange?: { offset: number; count?: number }[]
  continuationToken?: string
}
