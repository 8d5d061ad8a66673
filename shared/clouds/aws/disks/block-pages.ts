import { gibibyte } from '#shared/clouds/aws/mapping.ts'

/** Fixed by the EBS direct APIs. */
export const blockBytes = 512 * 1024

/** 1000 tokens of about 100 bytes make a page; 16 of them hold 8 GiB of listing in about 2 MB. */
const blocksPerPage = 1000
export const pagesKept = 16

/**
 * What is listed of the blocks in [from, to), in ascending order. A block in that range that is not listed is not part of the listing; one listed
 * without a token reads as zero.
 */
export interface Page {
  from: number
  to: number
  sizeBytes: number
  tokens: ReadonlyMap<number, string | undefined>
  next: Where | undefined
}

export type Where = { StartingBlockIndex: number; NextToken?: string }

export type ListPage = (where: Where, signal?: AbortSignal) => Promise<Page>

/** The part of a listing's request that says which page. */
export const pageWish = ({ StartingBlockIndex, NextToken }: Where) => ({
  MaxResults: blocksPerPage,
  ...(NextToken === undefined ? { StartingBlockIndex } : { NextToken }),
})

export function toPage(
  { StartingBlockIndex: from }: Where,
  { VolumeSize = 0, NextToken }: { VolumeSize?: number | undefined; NextToken?: string | undefined },
  blocks: readonly (readonly [index: number | undefined, token: string | undefined])[],
): Page {
  const tokens = new Map(
    blocks.flatMap(([index, token]) => (index === undefined ? [] : [[index, token] as const])),
  )
  const to = NextToken === undefined ? Infinity : Math.max(from - 1, ...tokens.keys()) + 1
  return {
    from,
    to,
    sizeBytes: VolumeSize * gibibyte,
    tokens,
    next: NextToken === undefined ? undefined : { StartingBlockIndex: to, NextToken },
  }
}
