import type { PlainReply } from '#test/clouds/core/server.ts'
import { allocatedIn, blockBytes, blockToken, pageOf, readable } from '#test/clouds/aws/ebs-blocks.ts'
import { json, type EbsCall } from '#test/clouds/aws/ebs-call.ts'
import { invalidBlockRequest } from '#test/clouds/aws/refusal.ts'
import type { Snapshot, World } from '#test/clouds/aws/world.ts'

/** Blocks that differ between two snapshots of one volume, or of one chain of parents. */
export async function listChanges(call: EbsCall): Promise<PlainReply> {
  const { world, query } = call
  const second = readable(call)
  const firstId = query.get('firstSnapshotId')
  const first = firstId === undefined ? undefined : readable(call, firstId)
  if (first && first.lineage !== second.lineage) {
    throw invalidBlockRequest(
      'UNRELATED_SNAPSHOTS',
      `The snapshots ${first.id} and ${second.id} are not of the same volume lineage`,
    )
  }
  const before = new Set(first ? await allocatedIn(world, first) : [])
  const after = new Set(await allocatedIn(world, second))
  const candidates = [...new Set([...before, ...after])].toSorted((a, b) => a - b)
  const changed: number[] = []
  for (const index of candidates) {
    if (await differs(world, index, { first, second, before, after })) changed.push(index)
  }
  const { page, rest } = pageOf(call, changed, {
    listing: `${first?.id ?? ''}>${second.id}`,
    sizeGib: second.sizeGib,
  })
  return json(200, {
    ChangedBlocks: page.map((index) => ({
      BlockIndex: index,
      FirstBlockToken: first && before.has(index) ? blockToken(world, first, index) : undefined,
      SecondBlockToken: after.has(index) ? blockToken(world, second, index) : undefined,
    })),
    ...rest,
  })
}

async function differs(
  world: World,
  index: number,
  {
    first,
    second,
    before,
    after,
  }: { first: Snapshot | undefined; second: Snapshot; before: Set<number>; after: Set<number> },
): Promise<boolean> {
  if (!first || before.has(index) !== after.has(index)) return true
  const [old, now] = await Promise.all(
    [first, second].map(({ diskId }) => world.store.read(diskId, index * blockBytes, blockBytes)),
  )
  return old === undefined || now === undefined || !old.equals(now)
}
