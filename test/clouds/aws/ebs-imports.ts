import { createHash } from 'node:crypto'
import type { PlainReply } from '#test/clouds/core/server.ts'
import { addTags, type Scene } from '#test/clouds/aws/action.ts'
import { encryptionOf } from '#test/clouds/aws/actions/volumes/volumes.ts'
import { settingsOf } from '#test/clouds/aws/actions/region-settings.ts'
import { snapshotLife } from '#test/clouds/aws/actions/snapshots.ts'
import { json, type EbsCall } from '#test/clouds/aws/ebs-call.ts'
import { blockBytes, known, openForBlocks, wholeOf } from '#test/clouds/aws/ebs-blocks.ts'
import { Refusal, invalidBlockRequest } from '#test/clouds/aws/refusal.ts'
import { newId, type Region, type Snapshot, type World } from '#test/clouds/aws/world.ts'

const gibibyte = 2 ** 30
const members = new Set([
  'VolumeSize',
  'ClientToken',
  'Description',
  'Tags',
  'Timeout',
  'Encrypted',
  'KmsKeyArn',
  'ParentSnapshotId',
])

export async function startSnapshot({ world, region, body }: EbsCall): Promise<PlainReply> {
  const asked = parse(body)
  const sizeGib = wholeOf(asked['VolumeSize'], 'VolumeSize', 1, 65_536)
  const timeoutMinutes = wholeOf(asked['Timeout'] ?? 60, 'Timeout', 10, 4320)
  const token = textOf(asked['ClientToken'], 'ClientToken', 255)
  const fingerprint = JSON.stringify(asked)
  const before = token === undefined ? undefined : region.imports.get(token)
  if (before && before.asked !== fingerprint) {
    throw new Refusal('ConflictException', 'The client token was used before with other parameters')
  }
  const kept = before && region.snapshots.get(before.snapshotId)
  if (kept) return json(201, describe(world, kept))

  const parent = parentIn(asked, { region, accountId: world.accountId, sizeGib })
  const encryption = encryptionIn(asked, parent, { world, region })
  const id = newId('snap')
  const snapshot: Snapshot = {
    id,
    diskId: id,
    seq: world.nextSeq(),
    tags: new Map(),
    ownerId: world.accountId,
    // What the vendor shows for a snapshot that was made of no volume.
    volumeId: 'vol-ffffffff',
    sizeGib,
    description: textOf(asked['Description'], 'Description', 255) ?? '',
    startedAt: new Date(world.clock.now()),
    ...encryption,
    lineage: parent?.lineage ?? id,
    life: snapshotLife(world, 'open', timeoutMinutes),
    written: new Map(),
    allocated: undefined,
  }
  addTags(snapshot.tags, tagsIn(asked['Tags']))
  region.snapshots.set(id, snapshot)
  region.visible.add(id)
  if (token !== undefined) region.imports.set(token, { asked: fingerprint, snapshotId: id })
  if (parent) {
    await world.store.clone(id, parent.diskId)
    if (sizeGib > parent.sizeGib) await world.store.resize(id, sizeGib * gibibyte)
  } else await world.store.create(id, sizeGib * gibibyte)
  return json(201, describe(world, snapshot))
}

export async function completeSnapshot(call: EbsCall): Promise<PlainReply> {
  const { headers, world } = call
  // Completing once more what is being completed changes nothing.
  if (known(call).life.state() === 'sealing') return json(202, { Status: 'pending' })
  const snapshot = openForBlocks(call)
  const written = snapshot.written ?? new Map<number, Buffer>()
  const count = wholeOf(headers['x-amz-changedblockscount'], 'ChangedBlocksCount', 0, 2 ** 31)
  if (count !== written.size) {
    throw invalidBlockRequest(
      'INVALID_PARAMETER_VALUE',
      `${written.size} blocks were put, ChangedBlocksCount says ${count}`,
    )
  }
  const claimed = headers['x-amz-checksum']
  if (claimed !== undefined) {
    if (
      headers['x-amz-checksum-algorithm'] !== 'SHA256' ||
      headers['x-amz-checksum-aggregation-method'] !== 'LINEAR'
    ) {
      throw invalidBlockRequest(
        'INVALID_PARAMETER_VALUE',
        'A checksum needs algorithm SHA256 and aggregation method LINEAR',
      )
    }
    const aggregate = createHash('sha256')
    for (const [, digest] of [...written].toSorted(([a], [b]) => a - b)) aggregate.update(digest)
    if (aggregate.digest('base64') !== claimed) {
      throw invalidBlockRequest(
        'INVALID_PARAMETER_VALUE',
        'The aggregate checksum does not match the blocks that were put',
      )
    }
  }
  snapshot.life.enter('sealing')
  // Without zero blocks put on purpose, what is allocated are exactly these.
  snapshot.allocated = world.store.allocated(snapshot.diskId, blockBytes)
  return json(202, { Status: 'pending' })
}

function parse(body: Buffer): Record<string, unknown> {
  let asked: unknown
  try {
    asked = JSON.parse(body.toString())
  } catch {
    throw new Refusal('SerializationException', 'The body is not JSON')
  }
  if (typeof asked !== 'object' || asked === null || Array.isArray(asked)) {
    throw new Refusal('SerializationException', 'The body is not a JSON object')
  }
  const unknown = Object.keys(asked).find((name) => !members.has(name))
  if (unknown !== undefined) throw invalidBlockRequest('INVALID_PARAMETER_VALUE', `Unknown member ${unknown}`)
  return asked as Record<string, unknown>
}

/** The snapshot that the new one begins as: complete, of this account, not larger. */
function parentIn(
  asked: Record<string, unknown>,
  { region, accountId, sizeGib }: { region: Region; accountId: string; sizeGib: number },
): Snapshot | undefined {
  const id = textOf(asked['ParentSnapshotId'], 'ParentSnapshotId', 64)
  if (id === undefined) return undefined
  if (!/^snap-([0-9a-f]{8}|[0-9a-f]{17})$/.test(id))
    throw invalidBlockRequest('INVALID_SNAPSHOT_ID', `The snapshot ID ${id} is not valid`)
  const parent = region.snapshots.get(id)
  if (!parent || parent.ownerId !== accountId) {
    throw new Refusal('ResourceNotFoundException', `The snapshot ${id} does not exist`, {
      reason: 'SNAPSHOT_NOT_FOUND',
    })
  }
  if (parent.life.state() !== 'completed')
    throw invalidBlockRequest(
      'INVALID_SNAPSHOT_ID',
      `The parent snapshot ${id} is not in the completed state`,
    )
  if (sizeGib < parent.sizeGib) {
    throw invalidBlockRequest(
      'INVALID_VOLUME_SIZE',
      `The volume size ${sizeGib} is smaller than that of the parent snapshot, ${parent.sizeGib}`,
    )
  }
  return parent
}

/**
 * EBS direct API Reference, StartSnapshot: a wish for encryption and a parent exclude each other; where the region encrypts by default, nothing can
 * be made unencrypted: "Encryption outcomes for EBS direct APIs".
 */
function encryptionIn(
  asked: Record<string, unknown>,
  parent: Snapshot | undefined,
  scene: Scene,
): Pick<Snapshot, 'encrypted' | 'kmsKeyId'> {
  const encrypted = asked['Encrypted']
  const key = textOf(asked['KmsKeyArn'], 'KmsKeyArn', 2048)
  if (encrypted !== undefined && typeof encrypted !== 'boolean')
    throw invalidBlockRequest('INVALID_PARAMETER_VALUE', 'Encrypted must be true or false')
  if (parent && (encrypted !== undefined || key !== undefined)) {
    throw invalidBlockRequest(
      'INVALID_PARAMETER_VALUE',
      'Encrypted and KmsKeyArn cannot be specified together with ParentSnapshotId',
    )
  }
  if (key !== undefined && encrypted !== true)
    throw invalidBlockRequest('INVALID_PARAMETER_VALUE', 'KmsKeyArn requires Encrypted')
  if (key !== undefined && !/^arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:(key|alias)\/.+$/.test(key))
    throw invalidBlockRequest('INVALID_PARAMETER_VALUE', `KmsKeyArn ${key} is not the ARN of a key`)
  const always = settingsOf(scene).ebsEncryptionByDefault
  if (always && (parent?.encrypted === false || encrypted === false))
    throw invalidBlockRequest('INVALID_PARAMETER_VALUE', 'This region makes encrypted snapshots alone')
  if (parent) return { encrypted: parent.encrypted, kmsKeyId: parent.kmsKeyId }
  return encryptionOf(scene, { encrypted, kmsKeyId: key }, undefined)
}

function textOf(value: unknown, name: string, max: number): string | undefined {
  if (value === undefined || (typeof value === 'string' && value.length <= max)) return value
  throw invalidBlockRequest('INVALID_PARAMETER_VALUE', `${name} must be text of at most ${max} characters`)
}

function tagsIn(value: unknown): { Key: string; Value: string }[] {
  const tags = value ?? []
  const right = Array.isArray(tags) && tags.every(isTag)
  if (right) return tags
  throw invalidBlockRequest(
    'INVALID_TAG',
    'Tags must be a list of {Key, Value}, keys of 1 to 128 characters, values of at most 256',
  )
}

function isTag(tag: unknown): tag is { Key: string; Value: string } {
  const { Key, Value } = (tag ?? {}) as { Key?: unknown; Value?: unknown }
  return (
    typeof Key === 'string' && /^[^]{1,128}$/.test(Key) && typeof Value === 'string' && Value.length <= 256
  )
}

const describe = (world: World, snapshot: Snapshot) => ({
  SnapshotId: snapshot.id,
  OwnerId: world.accountId,
  Status: 'pending',
  StartTime: snapshot.startedAt.getTime() / 1000,
  VolumeSize: snapshot.sizeGib,
  BlockSize: blockBytes,
  KmsKeyArn: snapshot.kmsKeyId,
  Description: snapshot.description,
  Tags: [...snapshot.tags].map(([Key, Value]) => ({ Key, Value })),
})
