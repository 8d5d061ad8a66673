import { createHash } from 'node:crypto'
import type { PlainReply } from '#test/clouds/core/server.ts'
import { json, type EbsCall } from '#test/clouds/aws/ebs-call.ts'
import { Refusal, invalidBlockRequest } from '#test/clouds/aws/refusal.ts'
import type { Snapshot, World } from '#test/clouds/aws/world.ts'

export const blockBytes = 512 * 1024
export const blocksPerGib = 2048

export async function listBlocks(call: EbsCall): Promise<PlainReply> {
  const { world } = call
  const snapshot = readable(call)
  const { page, rest } = pageOf(call, await allocatedIn(world, snapshot), {
    listing: snapshot.id,
    sizeGib: snapshot.sizeGib,
  })
  return json(200, {
    Blocks: page.map((index) => ({
      BlockIndex: index,
      BlockToken: blockToken(world, snapshot, index),
    })),
    ...rest,
  })
}

/** Ascending indexes of the blocks that a completed snapshot holds. */
export function allocatedIn(world: World, snapshot: Snapshot): Promise<number[]> {
  snapshot.allocated ??= world.store.allocated(snapshot.diskId, blockBytes)
  return snapshot.allocated
}

export const blockToken = (world: World, { id }: Snapshot, index: number): string =>
  world.seal(`block|${id}|${index}|${world.clock.now() + world.delays.blockToken}`)

/**
 * The part of a listing that a call asks for, and what its answer says beside it. The vendor may give fewer than asked for, even none, and still
 * name a next page. Tokens are bound to `listing`.
 */
export function pageOf(
  { world, query }: EbsCall,
  indexes: readonly number[],
  { listing, sizeGib }: { listing: string; sizeGib: number },
) {
  const size = wholeOf(query.get('maxResults') ?? '10000', 'maxResults', 100, 10_000)
  const start = wholeOf(
    query.get('startingBlockIndex') ?? '0',
    'startingBlockIndex',
    0,
    sizeGib * blocksPerGib - 1,
  )
  const token = query.get('pageToken')
  const from = token === undefined ? start : resumeAt(world.unseal(token), listing)
  const rest = indexes.filter((index) => index >= from)
  const short = world.pageLimit < size
  const count = short && token === undefined ? 0 : Math.min(size, world.pageLimit)
  const next = rest[count]
  return {
    page: rest.slice(0, count),
    rest: {
      BlockSize: blockBytes,
      VolumeSize: sizeGib,
      ExpiryTime: (world.clock.now() + world.delays.blockToken) / 1000,
      NextToken: next === undefined ? undefined : world.seal(`page|${listing}|${next}`),
    },
  }
}

export async function getBlock(call: EbsCall): Promise<PlainReply> {
  const { world, blockIndex, query, fault } = call
  const snapshot = readable(call)
  const [kind, of, index, expiresAtMs] = (world.unseal(query.get('blockToken') ?? '') ?? '').split('|')
  if (kind !== 'block' || of !== snapshot.id || Number(index) !== blockIndex) {
    throw invalidBlockRequest('INVALID_BLOCK_TOKEN', 'The block token is not valid for this block')
  }
  if (Number(expiresAtMs) < world.clock.now())
    throw invalidBlockRequest('INVALID_BLOCK_TOKEN', 'The block token has expired')
  const data = await world.store.read(snapshot.diskId, blockIndex * blockBytes, blockBytes)
  const checksum = sha256(data).toString('base64')
  if (fault?.mode === 'corrupt_read') data[1234] = (data[1234] ?? 0) ^ 1
  return {
    status: 200,
    headers: {
      'content-type': 'application/octet-stream',
      'x-amz-data-length': String(data.length),
      'x-amz-checksum': checksum,
      'x-amz-checksum-algorithm': 'SHA256',
    },
    body: data,
  }
}

export async function putBlock(call: EbsCall): Promise<PlainReply> {
  const { world, blockIndex, headers, body, fault } = call
  const snapshot = openForBlocks(call)
  if (blockIndex >= snapshot.sizeGib * blocksPerGib) {
    throw invalidBlockRequest(
      'INVALID_BLOCK',
      `Block index ${blockIndex} is outside the volume of ${snapshot.sizeGib} GiB`,
    )
  }
  if (headers['x-amz-data-length'] !== String(blockBytes) || body.length !== blockBytes) {
    throw invalidBlockRequest(
      'INVALID_PARAMETER_VALUE',
      `The data length must be ${blockBytes}, got ${body.length} bytes`,
    )
  }
  if (headers['x-amz-checksum-algorithm'] !== 'SHA256') {
    throw invalidBlockRequest('INVALID_PARAMETER_VALUE', 'The checksum algorithm must be SHA256')
  }
  const digest = sha256(body)
  if (headers['x-amz-checksum'] !== digest.toString('base64')) {
    throw invalidBlockRequest(
      'INVALID_PARAMETER_VALUE',
      'The checksum of the block data does not match the one given',
    )
  }
  await world.store.write(snapshot.diskId, blockIndex * blockBytes, body)
  if (fault?.mode === 'corrupt_stored')
    await world.store.flip(snapshot.diskId, blockIndex * blockBytes + 1234)
  snapshot.written?.set(blockIndex, digest)
  // The time-out of StartSnapshot counts from the last block.
  if (snapshot.life.state() === 'open') snapshot.life.enter('open')
  return {
    status: 201,
    headers: { 'x-amz-checksum': digest.toString('base64'), 'x-amz-checksum-algorithm': 'SHA256' },
  }
}

/** The snapshot, if it takes blocks. */
export function openForBlocks(call: EbsCall): Snapshot {
  const snapshot = known(call)
  if (snapshot.life.state() === 'open' && snapshot.written) return snapshot
  throw invalidBlockRequest(
    'INVALID_SNAPSHOT_ID',
    `The snapshot ${snapshot.id} is not pending, or was not made by StartSnapshot`,
  )
}

export const known = (call: EbsCall): Snapshot => knownAs(call, call.snapshotId)

function knownAs({ world, region }: EbsCall, snapshotId: string): Snapshot {
  const snapshot = region.snapshots.get(snapshotId)
  if (!snapshot) {
    throw new Refusal('ResourceNotFoundException', `The snapshot ${snapshotId} does not exist`, {
      reason: 'SNAPSHOT_NOT_FOUND',
    })
  }
  if (snapshot.ownerId === world.accountId) return snapshot
  throw new Refusal('AccessDeniedException', `You are not the owner of ${snapshotId}`, {
    reason: 'UNAUTHORIZED_ACCOUNT',
  })
}

export const sha256 = (data: Buffer): Buffer => createHash('sha256').update(data).digest()

export function wholeOf(value: unknown, name: string, min: number, max: number): number {
  const number = typeof value === 'number' ? value : /^\d+$/.test(String(value)) ? Number(value) : Number.NaN
  if (Number.isInteger(number) && number >= min && number <= max) return number
  throw invalidBlockRequest(
    'INVALID_PARAMETER_VALUE',
    `${name} must be a whole number from ${min} to ${max}, not ${String(value)}`,
  )
}

export function readable(call: EbsCall, snapshotId = call.snapshotId): Snapshot {
  const snapshot = knownAs(call, snapshotId)
  if (snapshot.life.state() === 'completed') return snapshot
  throw invalidBlockRequest(
    'INVALID_SNAPSHOT_ID',
    `The snapshot ${snapshot.id} is not in the completed state`,
  )
}

function resumeAt(plain: string | undefined, listing: string): number {
  const [kind, of, index] = (plain ?? '').split('|')
  if (kind === 'page' && of === listing) return Number(index)
  throw invalidBlockRequest('INVALID_PAGE_TOKEN', 'The page token is not valid')
}
