import { createHash } from 'node:crypto'
import type { CloudRef, CreationState, DisksFacet } from '#shared/clouds/port.ts'
import type { CopyManifest, DiskSink } from '#shared/disks/port.ts'
import { CloudError } from '#shared/clouds/errors.ts'
import { blockBytes, checkAligned, sha256 } from '#shared/clouds/aws/disks/blocks.ts'
import type { AwsClients } from '#shared/clouds/aws/clients.ts'
import { gibibyte, intentTags, toCreationState, toGib, toTags } from '#shared/clouds/aws/mapping.ts'
import { findSnapshot } from '#shared/clouds/aws/disks/snapshots.ts'
import { keyArn } from '#shared/clouds/aws/disks/keys.ts'
import { bounds, waitFor } from '#shared/clouds/aws/waiting.ts'

// A disk that is being written is a pending snapshot of the EBS direct APIs: StartSnapshot, PutSnapshotBlock, CompleteSnapshot.

/**
 * StartSnapshot with the intent's token: the service itself gives the same snapshot to the same token. With a parent the snapshot begins as that one's
 * content; a tag remembers it, as nothing else tells it later from one that began as zeros.
 */
export async function startImport(
  aws: AwsClients,
  request: Parameters<DisksFacet['createDisk']>[0],
): Promise<CloudRef> {
  const { region, token } = request
  const origin = await originOf(aws, request)
  const tagged =
    request.parent === undefined
      ? request
      : { ...request, tags: { ...request.tags, [parentTag]: request.parent.id } }
  const { SnapshotId } = await aws.ebs(region, 'StartSnapshot', (ebs, http) =>
    ebs.startSnapshot(
      {
        VolumeSize: toGib(request.sizeBytes),
        ClientToken: token,
        Description: request.name,
        Tags: intentTags(tagged, request.name),
        Timeout: timeoutMinutes,
        ...origin,
      },
      http,
    ),
  )
  const ref = { region, id: SnapshotId ?? '' }
  await waitFor(() => findSnapshot(aws, ref), bounds(aws))
  return ref
}

/**
 * Writes to a pending snapshot. Chunks are one or more whole blocks (the disk's last one may be short: it is filled up with zeros).
 * The service checks every block against its SHA-256; for a chunk of one block that is the digest taken at the source.
 */
export async function openImport(aws: AwsClients, ref: CloudRef): Promise<DiskSink> {
  const snapshot = await findSnapshot(aws, ref)
  const state = snapshot && toCreationState(snapshot)
  // One that is sealed already opens too: a copy that died between sealing and saying so has nothing left to write.
  if (state !== 'pending' && state !== 'ready') throw notWritable(ref, state)
  const sizeBytes = (snapshot?.VolumeSize ?? 0) * gibibyte

  const put = async (index: number, data: Buffer, digest: Buffer, signal?: AbortSignal) => {
    const checksum = digest.toString('base64')
    const request = {
      SnapshotId: ref.id,
      BlockIndex: index,
      BlockData: data,
      DataLength: blockBytes,
      Checksum: checksum,
      ChecksumAlgorithm: 'SHA256' as const,
    }
    const reply = await aws
      .ebs(ref.region, 'PutSnapshotBlock', (ebs, http) => ebs.putSnapshotBlock(request, http), signal)
      .catch((error: unknown) => {
        throw isAltered(error) ? damaged(ref, index) : error
      })
    if (reply.Checksum !== undefined && reply.Checksum !== checksum) throw damaged(ref, index)
  }

  return {
    sizeBytes,
    granularityBytes: blockBytes,
    preferredChunkBytes: blockBytes,
    zeroed: toTags(snapshot?.Tags)[parentTag] === undefined,

    async write({ offset, data, sha256: digest }, signal) {
      const short = data.length % blockBytes
      const whole = short === 0 ? data : Buffer.concat([data, Buffer.alloc(blockBytes - short)])
      checkAligned({ offset, length: whole.length }, sizeBytes)
      const index = offset / blockBytes
      if (data.length === blockBytes) return put(index, data, digest, signal)
      // The service cannot check the chunk's own digest, so it is checked here, right before its blocks get theirs.
      if (!sha256(data).equals(digest)) throw damaged(ref, index)
      const blocks = Array.from({ length: whole.length / blockBytes }, (_, i) =>
        whole.subarray(i * blockBytes, (i + 1) * blockBytes),
      )
      await Promise.all(blocks.map((block, i) => put(index + i, block, sha256(block), signal)))
    },
    // A block is durable when its PutSnapshotBlock is answered.
    async flush() {},
    async close() {},
  }
}

/**
 * CompleteSnapshot with the number of blocks and, for a copy in chunks of one block, the SHA-256 over all their digests; then waits until
 * the service has it all. Safe to repeat: a snapshot that is complete, or completing, is only waited for.
 */
export async function sealImport(aws: AwsClients, ref: CloudRef, manifest: CopyManifest): Promise<void> {
  const { options } = aws.settings
  const before = await stateOf(aws, ref)
  if (before === 'ready') return
  if (before !== 'pending') throw notWritable(ref, before)
  await complete(aws, ref, await summarize(manifest))
  const state = await waitFor(
    async () => {
      const now = await stateOf(aws, ref)
      return now === 'pending' ? undefined : (now ?? 'gone')
    },
    { forMs: completionMs, pollMs: options.poll_ms },
  )
  if (state === 'ready') return
  if (state !== undefined) throw notWritable(ref, state)
  throw new CloudError(`AWS is still completing snapshot ${ref.id}.`, {
    cloud: 'aws',
    operation: 'CompleteSnapshot',
    code: 'timeout',
    kind: 'retryable',
    remedy: 'It is waited for again.',
  })
}

/** The snapshot that a delta was started on. */
const parentTag = 'novacron-parent'

/** A delta is encrypted as its parent is: StartSnapshot takes no other wish with one. */
async function originOf(aws: AwsClients, request: Parameters<DisksFacet['createDisk']>[0]) {
  const { region, parent, encryption } = request
  if (parent !== undefined) return { ParentSnapshotId: parent.id }
  if (encryption === undefined) return {}
  const { keyId } = encryption
  return { Encrypted: true, ...(keyId === undefined ? {} : { KmsKeyArn: await keyArn(aws, region, keyId) }) }
}

/** The longest that StartSnapshot takes: a copy that is retried for days must not find its disk cancelled. */
const timeoutMinutes = 4320
const completionMs = 15 * 60_000

async function complete(aws: AwsClients, ref: CloudRef, { blocks, checksum }: Summary): Promise<void> {
  const aggregate =
    checksum === undefined
      ? {}
      : {
          Checksum: checksum,
          ChecksumAlgorithm: 'SHA256' as const,
          ChecksumAggregationMethod: 'LINEAR' as const,
        }
  try {
    await aws.ebs(ref.region, 'CompleteSnapshot', (ebs, http) =>
      ebs.completeSnapshot({ SnapshotId: ref.id, ChangedBlocksCount: blocks, ...aggregate }, http),
    )
  } catch (error) {
    if (!(error instanceof CloudError)) throw error
    // An earlier call whose reply was lost: it is at it still, or has come to its end since we looked.
    if (error.code === 'conflict' || (await stateOf(aws, ref)) === 'ready') return
    if (error.code !== 'integrity') throw error
    throw new CloudError(`AWS holds other bytes in ${ref.id} than were copied: ${error.message}`, {
      cloud: 'aws',
      operation: 'CompleteSnapshot',
      code: 'integrity',
      remedy: 'Delete this disk and copy again.',
      cause: error,
    })
  }
}

interface Summary {
  blocks: number
  checksum: string | undefined
}

/** What was written, as CompleteSnapshot wants it. The digests of blocks are known only if a chunk is a block. */
async function summarize(manifest: CopyManifest): Promise<Summary> {
  let blocks = 0
  let digestsKnown = true
  const aggregate = createHash('sha256')
  for await (const { length, sha256: digest } of manifest.chunks()) {
    blocks += Math.ceil(length / blockBytes)
    digestsKnown &&= length === blockBytes
    if (digestsKnown) aggregate.update(digest)
  }
  return { blocks, checksum: digestsKnown ? aggregate.digest('base64') : undefined }
}

async function stateOf(aws: AwsClients, ref: CloudRef): Promise<CreationState | undefined> {
  const snapshot = await findSnapshot(aws, ref)
  return snapshot && toCreationState(snapshot)
}

/** The signature covers the block: bytes that were changed on the way are refused as wrongly signed. The snapshot was opened with the same key. */
const isAltered = (error: unknown): boolean =>
  error instanceof CloudError && error.vendorCode === 'InvalidSignatureException'

const damaged = ({ region, id }: CloudRef, block: number) =>
  new CloudError(`The bytes for block ${block} of ${id} differ from their SHA-256.`, {
    cloud: 'aws',
    operation: 'PutSnapshotBlock',
    code: 'integrity',
    kind: 'retryable',
    remedy: 'The chunk is read and written again.',
    details: { region, block },
  })

const notWritable = ({ region, id }: CloudRef, state: string | undefined) =>
  new CloudError(`AWS snapshot ${id} in ${region} takes no blocks: it is ${state ?? 'gone'}.`, {
    cloud: 'aws',
    operation: 'PutSnapshotBlock',
    code: state === undefined || state === 'gone' ? 'not_found' : 'conflict',
    remedy: 'Create a new disk and copy again.',
    details: { region, state },
  })
