import { Refusal } from '#test/clouds/gcp/refusal.ts'
import { readLifecycle, record, storageClasses, wrong } from '#test/clouds/gcp/storage/lifecycle.ts'
import type { Bucket, StorageWorld } from '#test/clouds/gcp/storage/world.ts'

/** The bucket, or a 404 as the vendor words it. */
export function bucketNamed({ buckets, foreignNames }: StorageWorld, name: string): Bucket {
  const found = buckets.get(name)
  if (found) return found
  if (foreignNames.has(name))
    throw new Refusal(
      403,
      'forbidden',
      `The caller does not have storage.buckets.get access to the Google Cloud Storage bucket.`,
    )
  throw new Refusal(404, 'notFound', 'The specified bucket does not exist.')
}

/** A new bucket from what `insert` was sent. */
export function readNewBucket(world: StorageWorld, sent: unknown): Bucket {
  const body = record(sent, 'bucket', bucketFields)
  const { name } = body
  if (typeof name !== 'string' || !isBucketName(name))
    throw new Refusal(400, 'invalid', `Invalid bucket name: '${String(name)}'`)
  if (world.buckets.has(name))
    throw new Refusal(
      409,
      'conflict',
      'Your previous request to create the named bucket succeeded and you already own it.',
    )
  if (world.foreignNames.has(name))
    throw new Refusal(
      409,
      'conflict',
      'The requested bucket name is not available. The bucket namespace is shared by all users of the system. Please select a different name and try again.',
    )
  const location = body['location'] ?? 'US'
  if (typeof location !== 'string' || !/^[A-Za-z0-9-]+$/.test(location)) throw wrong('location', 'a location')
  const nowMs = world.clock.now()
  const fresh: Bucket = {
    name,
    location: location.toUpperCase(),
    storageClass: 'STANDARD',
    metageneration: 1,
    timeCreatedMs: nowMs,
    updatedMs: nowMs,
    labels: {},
    versioning: false,
    lifecycle: undefined,
    logging: undefined,
    defaultKmsKeyName: undefined,
    uniformAccess: false,
    publicAccessPrevention: 'inherited',
    softDeleteSeconds: 7 * 86_400,
    policy: [
      { role: 'roles/storage.legacyBucketOwner', members: [`projectOwner:${world.projectId}`] },
      { role: 'roles/storage.legacyBucketReader', members: [`projectViewer:${world.projectId}`] },
    ],
  }
  return changed(fresh, body)
}

/** The bucket as `patch` leaves it; a null takes a label or a setting away. */
export function patchedBucket(bucket: Bucket, sent: unknown, nowMs: number): Bucket {
  const body = record(sent, 'bucket', bucketFields)
  if (body['location'] !== undefined && String(body['location']).toUpperCase() !== bucket.location)
    throw new Refusal(400, 'invalid', 'The location of a bucket cannot be changed.')
  return { ...changed(bucket, body), metageneration: bucket.metageneration + 1, updatedMs: nowMs }
}

/** As the JSON API gives it. */
export const bucketView = (world: StorageWorld, bucket: Bucket, origin: string) => ({
  kind: 'storage#bucket',
  id: bucket.name,
  selfLink: `${origin}/storage/v1/b/${bucket.name}`,
  name: bucket.name,
  projectNumber: world.projectNumber,
  metageneration: String(bucket.metageneration),
  location: bucket.location,
  locationType: bucket.location.includes('-') ? 'region' : 'multi-region',
  storageClass: bucket.storageClass,
  etag: Buffer.from(`m${bucket.metageneration}`).toString('base64'),
  timeCreated: new Date(bucket.timeCreatedMs).toISOString(),
  updated: new Date(bucket.updatedMs).toISOString(),
  softDeletePolicy: { retentionDurationSeconds: String(bucket.softDeleteSeconds) },
  iamConfiguration: {
    uniformBucketLevelAccess: { enabled: bucket.uniformAccess },
    bucketPolicyOnly: { enabled: bucket.uniformAccess },
    publicAccessPrevention: bucket.publicAccessPrevention,
  },
  ...(Object.keys(bucket.labels).length === 0 ? {} : { labels: bucket.labels }),
  ...(bucket.versioning ? { versioning: { enabled: true } } : {}),
  ...(bucket.lifecycle === undefined ? {} : { lifecycle: bucket.lifecycle }),
  ...(bucket.logging === undefined ? {} : { logging: bucket.logging }),
  ...(bucket.defaultKmsKeyName === undefined
    ? {}
    : { encryption: { defaultKmsKeyName: bucket.defaultKmsKeyName } }),
})

const bucketFields = [
  'name',
  'location',
  'storageClass',
  'labels',
  'versioning',
  'lifecycle',
  'logging',
  'encryption',
  'iamConfiguration',
  'softDeletePolicy',
]

function changed(bucket: Bucket, body: Record<string, unknown>): Bucket {
  const next = { ...bucket }
  if (body['storageClass'] !== undefined) next.storageClass = storageClass(body['storageClass'])
  if (body['labels'] !== undefined) next.labels = labels(bucket.labels, body['labels'])
  if (body['lifecycle'] !== undefined) next.lifecycle = readLifecycle(body['lifecycle'])
  if (body['versioning'] !== undefined)
    next.versioning = record(body['versioning'], 'versioning', ['enabled'])['enabled'] === true
  if (body['logging'] !== undefined) next.logging = logging(body['logging'])
  if (body['encryption'] !== undefined) next.defaultKmsKeyName = kmsKey(body['encryption'])
  if (body['softDeletePolicy'] !== undefined) next.softDeleteSeconds = softDelete(body['softDeletePolicy'])
  if (body['iamConfiguration'] !== undefined) {
    const access = record(body['iamConfiguration'], 'iamConfiguration', [
      'uniformBucketLevelAccess',
      'publicAccessPrevention',
    ])
    if (access['uniformBucketLevelAccess'] !== undefined) {
      const uniform = record(access['uniformBucketLevelAccess'], 'uniformBucketLevelAccess', ['enabled'])
      next.uniformAccess = uniform['enabled'] === true
    }
    const prevention = access['publicAccessPrevention']
    if (prevention === 'enforced' || prevention === 'inherited') next.publicAccessPrevention = prevention
    else if (prevention !== undefined)
      throw wrong('iamConfiguration.publicAccessPrevention', 'enforced or inherited')
  }
  return next
}

/** https://cloud.google.com/storage/docs/buckets#naming */
const isBucketName = (name: string): boolean =>
  /^[a-z0-9][a-z0-9_.-]{1,61}[a-z0-9]$/.test(name) &&
  !name.startsWith('goog') &&
  !name.includes('google') &&
  !/^\d+\.\d+\.\d+\.\d+$/.test(name)

function storageClass(sent: unknown): string {
  if (typeof sent === 'string' && storageClasses.has(sent)) return sent
  throw wrong('storageClass', [...storageClasses].join(', '))
}

function labels(before: Record<string, string>, sent: unknown): Record<string, string> {
  if (sent === null) return {}
  if (typeof sent !== 'object' || Array.isArray(sent)) throw wrong('labels', 'an object')
  const next = new Map(Object.entries(before))
  for (const [key, value] of Object.entries(sent as Record<string, unknown>)) {
    if (value === null) next.delete(key)
    else if (
      !/^[a-z][a-z0-9_-]{0,62}$/.test(key) ||
      typeof value !== 'string' ||
      !/^[a-z0-9_-]{0,63}$/.test(value)
    )
      throw new Refusal(400, 'invalid', `Invalid label: '${key}': '${String(value)}'.`)
    else next.set(key, value)
  }
  if (next.size > 64) throw new Refusal(400, 'invalid', 'A bucket can have at most 64 labels.')
  return Object.fromEntries(next)
}

function logging(sent: unknown): Bucket['logging'] {
  if (sent === null) return undefined
  const { logBucket, logObjectPrefix } = record(sent, 'logging', ['logBucket', 'logObjectPrefix'])
  if (typeof logBucket !== 'string') throw wrong('logging.logBucket', 'a bucket')
  return { logBucket, ...(typeof logObjectPrefix === 'string' ? { logObjectPrefix } : {}) }
}

function kmsKey(sent: unknown): string | undefined {
  if (sent === null) return undefined
  const { defaultKmsKeyName: name } = record(sent, 'encryption', ['defaultKmsKeyName'])
  if (typeof name === 'string' && isKmsKeyName(name)) return name
  throw new Refusal(400, 'invalid', `Malformed Cloud KMS crypto key: ${String(name)}`)
}

export const isKmsKeyName = (name: string): boolean =>
  /^projects\/[^/]+\/locations\/[^/]+\/keyRings\/[^/]+\/cryptoKeys\/[^/]+$/.test(name)

function softDelete(sent: unknown): number {
  const { retentionDurationSeconds: sent64 } = record(sent, 'softDeletePolicy', ['retentionDurationSeconds'])
  const seconds = Number(sent64)
  if (seconds === 0 || (seconds >= 7 * 86_400 && seconds <= 90 * 86_400)) return seconds
  throw wrong('softDeletePolicy.retentionDurationSeconds', '0, or 7 to 90 days')
}
