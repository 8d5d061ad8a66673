import { createHash } from 'node:crypto'
import type { DiskSource, Extent } from '#shared/disks/port.ts'
import type { CloudRef } from '#shared/clouds/port.ts'
import { CloudError } from '#shared/clouds/errors.ts'
import type { AwsClients } from '#shared/clouds/aws/clients.ts'
import {
  blockBytes,
  pageWish,
  pagesKept,
  toPage,
  type ListPage,
  type Page,
  type Where,
} from '#shared/clouds/aws/disks/block-pages.ts'

export { blockBytes } from '#shared/clouds/aws/disks/block-pages.ts'

export const sha256 = (data: Uint8Array): Buffer => createHash('sha256').update(data).digest()

/** A completed snapshot with the extents that are allocated in it. */
export const openSnapshotBlocks = (aws: AwsClients, ref: CloudRef): Promise<DiskSource> =>
  openBlocks(aws, ref, (where, signal) => listAllocated(aws, ref, where, signal))

/**
 * A completed snapshot with the extents that differ from an earlier one of the same volume. Blocks that were freed in between have no token in the
 * second snapshot: they are listed, and read as zero.
 */
export const openChangedBlocks = (aws: AwsClients, base: CloudRef, ref: CloudRef): Promise<DiskSource> =>
  openBlocks(aws, ref, (where, signal) => listChanged(aws, { base, ref }, where, signal))

/**
 * Reads through the EBS direct APIs: a listing names blocks and gives each a token, GetSnapshotBlock gives its bytes with their SHA-256, which is
 * checked. The newest pages of tokens are kept, so that reads behind the listing need no second one; a read elsewhere lists its own page. Memory
 * stays flat whatever the disk's size.
 */
async function openBlocks(aws: AwsClients, ref: CloudRef, listPage: ListPage): Promise<DiskSource> {
  const first = await listPage({ StartingBlockIndex: 0 })
  const cache: Page[] = [first]

  const remember = (page: Page) => {
    cache.unshift(page)
    if (cache.length > pagesKept) cache.pop()
  }
  const forget = (page: Page) => {
    if (cache.includes(page)) cache.splice(cache.indexOf(page), 1)
  }
  const pageFor = async (index: number, signal?: AbortSignal): Promise<Page> => {
    const known = cache.find((page) => page.from <= index && index < page.to)
    if (known) return known
    let page = await listPage({ StartingBlockIndex: index }, signal)
    // A page may be short of what was asked for, even empty, and still not be the last.
    while (page.next !== undefined && index >= page.to) page = await listPage(page.next, signal)
    remember(page)
    return page
  }

  const readBlock = async (index: number, signal?: AbortSignal): Promise<Uint8Array | undefined> => {
    for (let attempt = 1; ; attempt++) {
      const page = await pageFor(index, signal)
      const token = page.tokens.get(index)
      if (token === undefined) return undefined
      try {
        return await getBlock(aws, ref, { index, token }, signal)
      } catch (error) {
        if (attempt > 1 || !isStaleToken(error)) throw error
        forget(page)
      }
    }
  }

  return {
    sizeBytes: first.sizeBytes,
    granularityBytes: blockBytes,
    preferredChunkBytes: blockBytes,

    async *extents(signal) {
      for (let page = first; ;) {
        yield* runs(page)
        if (page.next === undefined) return
        page = await listPage(page.next, signal)
        remember(page)
      }
    },

    async read({ offset, length }, signal) {
      checkAligned({ offset, length }, first.sizeBytes)
      const out = Buffer.alloc(length)
      const indexes = Array.from({ length: length / blockBytes }, (_, i) => offset / blockBytes + i)
      // One after the other: each may need the same page of tokens.
      for (const index of indexes) await pageFor(index, signal)
      await Promise.all(
        indexes.map(async (index, i) => {
          const block = await readBlock(index, signal)
          if (block) out.set(block, i * blockBytes)
        }),
      )
      return out
    },

    async close() {
      cache.length = 0
    },
  }
}

async function listAllocated(
  aws: AwsClients,
  ref: CloudRef,
  where: Where,
  signal?: AbortSignal,
): Promise<Page> {
  const { Blocks = [], ...page } = await aws.ebs(
    ref.region,
    'ListSnapshotBlocks',
    (ebs, http) => ebs.listSnapshotBlocks({ SnapshotId: ref.id, ...pageWish(where) }, http),
    signal,
  )
  return toPage(
    where,
    page,
    Blocks.map(({ BlockIndex, BlockToken }) => [BlockIndex, BlockToken]),
  )
}

async function listChanged(
  aws: AwsClients,
  { base, ref }: { base: CloudRef; ref: CloudRef },
  where: Where,
  signal?: AbortSignal,
): Promise<Page> {
  const { ChangedBlocks = [], ...page } = await aws.ebs(
    ref.region,
    'ListChangedBlocks',
    (ebs, http) =>
      ebs.listChangedBlocks({ FirstSnapshotId: base.id, SecondSnapshotId: ref.id, ...pageWish(where) }, http),
    signal,
  )
  return toPage(
    where,
    page,
    ChangedBlocks.map(({ BlockIndex, SecondBlockToken }) => [BlockIndex, SecondBlockToken]),
  )
}

async function getBlock(
  aws: AwsClients,
  ref: CloudRef,
  { index, token }: { index: number; token: string },
  signal?: AbortSignal,
): Promise<Uint8Array> {
  const { data, checksum } = await aws.ebs(
    ref.region,
    'GetSnapshotBlock',
    async (ebs, http) => {
      const request = { SnapshotId: ref.id, BlockIndex: index, BlockToken: token }
      const { BlockData, Checksum } = await ebs.getSnapshotBlock(request, http)
      return { data: (await BlockData?.transformToByteArray()) ?? new Uint8Array(), checksum: Checksum }
    },
    signal,
  )
  if (data.length === blockBytes && sha256(data).toString('base64') === checksum) return data
  throw new CloudError(
    `AWS GetSnapshotBlock: block ${index} of ${ref.id} arrived damaged (its SHA-256 differs).`,
    {
      cloud: 'aws',
      operation: 'GetSnapshotBlock',
      code: 'integrity',
      kind: 'retryable',
      remedy: 'The block is read again.',
      details: { region: ref.region, block: index, bytes: data.length },
    },
  )
}

/** Neighbouring blocks of a page as one extent each. */
function* runs({ tokens }: Page): Generator<Extent> {
  let run: Extent | undefined
  for (const index of tokens.keys()) {
    if (run && run.offset + run.length === index * blockBytes) {
      run.length += blockBytes
      continue
    }
    if (run) yield run
    run = { offset: index * blockBytes, length: blockBytes }
  }
  if (run) yield run
}

/** Block tokens live for days, but not for ever. */
const isStaleToken = (error: unknown): boolean =>
  error instanceof CloudError && error.code === 'invalid_request' && /token/i.test(error.message)

export function checkAligned({ offset, length }: Extent, sizeBytes: number): void {
  const whole = [offset, length].every((value) => Number.isSafeInteger(value) && value % blockBytes === 0)
  if (whole && offset >= 0 && length > 0 && offset + length <= sizeBytes) return
  throw new RangeError(
    `extent ${offset}+${length} must be whole blocks of ${blockBytes} bytes within the disk of ${sizeBytes}`,
  )
}
