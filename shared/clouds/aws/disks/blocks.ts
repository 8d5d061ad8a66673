import { createHash } from 'node:crypto'
import type { DiskSource, Extent } from '#shared/disks/port.ts'
import type { CloudRef } from '#shared/clouds/port.ts'
import { CloudError } from '#shared/clouds/errors.ts'
import type { AwsClients } from '#shared/clouds/aws/clients.ts'
import { gibibyte } from '#shared/clouds/aws/mapping.ts'

/** Fixed by the EBS direct APIs. */
export const blockBytes = 512 * 1024

export const sha256 = (data: Uint8Array): Buffer => createHash('sha256').update(data).digest()

/**
 * A completed snapshot, read through the EBS direct APIs: ListSnapshotBlocks names the allocated blocks and gives each a token,
 * GetSnapshotBlock gives its bytes with their SHA-256, which is checked. The newest pages of tokens are kept, so that reads behind
 * the listing need no second one; a read elsewhere lists its own page. Memory stays flat whatever the disk's size.
 */
export async function openSnapshotBlocks(aws: AwsClients, ref: CloudRef): Promise<DiskSource> {
  const first = await listPage(aws, ref, { StartingBlockIndex: 0 })
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
    let page = await listPage(aws, ref, { StartingBlockIndex: index }, signal)
    // A page may be short of what was asked for, even empty, and still not be the last.
    while (page.next !== undefined && index >= page.to) page = await listPage(aws, ref, page.next, signal)
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
        page = await listPage(aws, ref, page.next, signal)
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

/** Block tokens of the blocks in [from, to); a block in that range without a token is not allocated. */
interface Page {
  from: number
  to: number
  sizeBytes: number
  tokens: ReadonlyMap<number, string>
  next: Where | undefined
}

type Where = { StartingBlockIndex: number; NextToken?: string }

/** 1000 tokens of about 100 bytes make a page; 16 of them hold 8 GiB of listing in about 2 MB. */
const blocksPerPage = 1000
const pagesKept = 16

async function listPage(aws: AwsClients, ref: CloudRef, where: Where, signal?: AbortSignal): Promise<Page> {
  const { StartingBlockIndex: from, NextToken } = where
  const page = await aws.ebs(
    ref.region,
    'ListSnapshotBlocks',
    (ebs, http) =>
      ebs.listSnapshotBlocks(
        {
          SnapshotId: ref.id,
          MaxResults: blocksPerPage,
          ...(NextToken === undefined ? { StartingBlockIndex: from } : { NextToken }),
        },
        http,
      ),
    signal,
  )
  const tokens = new Map<number, string>()
  for (const { BlockIndex, BlockToken } of page.Blocks ?? []) {
    if (BlockIndex !== undefined && BlockToken !== undefined) tokens.set(BlockIndex, BlockToken)
  }
  const last = Math.max(from - 1, ...tokens.keys())
  const to = page.NextToken === undefined ? Infinity : last + 1
  return {
    from,
    to,
    sizeBytes: (page.VolumeSize ?? 0) * gibibyte,
    tokens,
    next: page.NextToken === undefined ? undefined : { StartingBlockIndex: to, NextToken: page.NextToken },
  }
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
