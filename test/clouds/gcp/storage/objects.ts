import { Refusal } from '#test/clouds/gcp/refusal.ts'
import { record, storageClasses, wrong } from '#test/clouds/gcp/storage/lifecycle.ts'
import {
  archiveOf,
  type Bucket,
  type GcsObject,
  type ObjectMeta,
  type StorageWorld,
} from '#test/clouds/gcp/storage/world.ts'

/** The live object, or the version that `generation` asks for; a 404 as the vendor words it. */
export function objectNamed(
  world: StorageWorld,
  bucket: Bucket,
  name: string,
  query: URLSearchParams,
): GcsObject {
  const found = findObject(world, bucket, name, query.get('generation'))
  if (found) return found
  throw new Refusal(404, 'notFound', `No such object: ${bucket.name}/${name}`)
}

export function findObject(
  world: StorageWorld,
  bucket: Bucket,
  name: string,
  generation: string | null,
): GcsObject | undefined {
  const live = world.objects.stat(bucket.name, name)
  if (generation === null || String(live?.meta.generation) === generation) return live
  return world.objects.stat(archiveOf(bucket.name), `${name}#${generation}`)
}

/** Where the store keeps this version. */
export const placeOf = (bucket: Bucket, object: GcsObject): [bucket: string, key: string] =>
  object.meta.noncurrentSinceMs !== undefined
    ? [archiveOf(bucket.name), object.key]
    : [bucket.name, object.key]

/** The name without the generation under which old versions are kept. */
export const nameOf = ({ key, meta }: GcsObject): string =>
  meta.noncurrentSinceMs === undefined ? key : key.slice(0, key.lastIndexOf('#'))

/** `ifGenerationMatch` (0: must not exist), `ifMetagenerationMatch` and their opposites. */
export function checkPreconditions(query: URLSearchParams, object: GcsObject | undefined): void {
  const generation = String(object?.meta.generation ?? 0)
  const metageneration = String(object?.meta.metageneration ?? 0)
  const holds = (name: string, value: string, wanted: boolean) => {
    const given = query.get(name)
    if (given === null) return
    if (!/^\d+$/.test(given)) throw wrong(name, 'a number')
    if ((given === value) !== wanted)
      throw new Refusal(
        412,
        'conditionNotMet',
        'At least one of the pre-conditions you specified did not hold.',
      )
  }
  holds('ifGenerationMatch', generation, true)
  holds('ifGenerationNotMatch', generation, false)
  holds('ifMetagenerationMatch', metageneration, true)
  holds('ifMetagenerationNotMatch', metageneration, false)
}

export interface NewObject {
  contentType: string
  storageClass: string
  custom: Record<string, string>
  md5Hash: string | undefined
  crc32c: string | undefined
}

/** What an upload or a compose says of the object to be. */
export function readObjectMetadata(bucket: Bucket, sent: unknown, contentType?: string): NewObject {
  const body = record(sent ?? {}, 'object', objectFields)
  const storageClass = body['storageClass'] ?? bucket.storageClass
  if (typeof storageClass !== 'string' || !storageClasses.has(storageClass))
    throw wrong('storageClass', [...storageClasses].join(', '))
  return {
    contentType: text(body['contentType'], 'contentType') ?? contentType ?? 'application/octet-stream',
    storageClass,
    custom: customMetadata(body['metadata']),
    md5Hash: text(body['md5Hash'], 'md5Hash'),
    crc32c: text(body['crc32c'], 'crc32c'),
  }
}

/** Names by the rules of the vendor: 1 to 1024 bytes of UTF-8, no line ends. */
export function checkObjectName(name: string | null | undefined): string {
  if (name === null || name === undefined || name === '')
    throw new Refusal(400, 'required', 'Required parameter: name')
  if (Buffer.byteLength(name) > 1024 || /[\r\n]/.test(name) || name === '.' || name === '..')
    throw new Refusal(400, 'invalid', `Invalid object name: ${JSON.stringify(name)}`)
  return name
}

/** As the JSON API gives it. */
export const objectView = (bucket: Bucket, object: GcsObject, origin: string) => {
  const { meta } = object
  const name = nameOf(object)
  const path = `b/${bucket.name}/o/${encodeURIComponent(name)}`
  return {
    kind: 'storage#object',
    id: `${bucket.name}/${name}/${meta.generation}`,
    selfLink: `${origin}/storage/v1/${path}`,
    mediaLink: `${origin}/download/storage/v1/${path}?generation=${meta.generation}&alt=media`,
    name,
    bucket: bucket.name,
    generation: String(meta.generation),
    metageneration: String(meta.metageneration),
    contentType: meta.contentType,
    storageClass: meta.storageClass,
    size: String(object.sizeBytes),
    ...(meta.componentCount === undefined
      ? { md5Hash: meta.md5.toString('base64') }
      : { componentCount: meta.componentCount }),
    crc32c: crcText(meta.crc32c),
    etag: Buffer.from(`${meta.generation}/${meta.metageneration}`).toString('base64'),
    timeCreated: new Date(meta.timeCreatedMs).toISOString(),
    updated: new Date(meta.updatedMs).toISOString(),
    timeStorageClassUpdated: new Date(meta.timeCreatedMs).toISOString(),
    ...(meta.kmsKeyName === undefined ? {} : { kmsKeyName: `${meta.kmsKeyName}/cryptoKeyVersions/1` }),
    ...(Object.keys(meta.custom).length === 0 ? {} : { metadata: meta.custom }),
    ...(meta.noncurrentSinceMs === undefined
      ? {}
      : { timeDeleted: new Date(meta.noncurrentSinceMs).toISOString() }),
  }
}

/** The checksum as the vendor writes it: base64 of its four bytes, highest first. */
export function crcText(crc: number): string {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(crc)
  return bytes.toString('base64')
}

/** Refuses bytes that are not what the client says it sent. */
export function checkHashes(
  said: { md5Hash?: string | undefined; crc32c?: string | undefined },
  got: { md5: Buffer; crc32c: number },
): void {
  const md5 = got.md5.toString('base64')
  if (said.md5Hash !== undefined && said.md5Hash !== md5)
    throw new Refusal(
      400,
      'invalid',
      `Provided MD5 hash "${said.md5Hash}" doesn't match calculated MD5 hash "${md5}".`,
    )
  const crc = crcText(got.crc32c)
  if (said.crc32c !== undefined && said.crc32c !== crc)
    throw new Refusal(
      400,
      'invalid',
      `Provided CRC32C "${said.crc32c}" doesn't match calculated CRC32C "${crc}".`,
    )
}

export const metaOf = (
  world: StorageWorld,
  bucket: Bucket,
  { contentType, storageClass, custom }: NewObject,
  sums: { md5: Buffer; crc32c: number },
  componentCount?: number,
): ObjectMeta => {
  const nowMs = world.clock.now()
  return {
    generation: nextGeneration(nowMs),
    metageneration: 1,
    timeCreatedMs: nowMs,
    updatedMs: nowMs,
    contentType,
    storageClass,
    kmsKeyName: bucket.defaultKmsKeyName,
    custom,
    componentCount,
    noncurrentSinceMs: undefined,
    ...sums,
  }
}

let lastGeneration = 0
/** Microseconds, and never twice the same. */
function nextGeneration(nowMs: number): number {
  lastGeneration = Math.max(lastGeneration + 1, nowMs * 1000)
  return lastGeneration
}

const objectFields = [
  'name',
  'bucket',
  'contentType',
  'contentEncoding',
  'storageClass',
  'metadata',
  'md5Hash',
  'crc32c',
]

function customMetadata(sent: unknown): Record<string, string> {
  if (sent === undefined || sent === null) return {}
  if (typeof sent !== 'object' || Object.values(sent).some((value) => typeof value !== 'string'))
    throw wrong('metadata', 'an object of strings')
  const sizeBytes = Object.entries(sent as Record<string, string>)
    .flat()
    .join('').length
  if (sizeBytes > 8192) throw new Refusal(400, 'metadataTooLarge', 'Custom metadata is over 8 KiB.')
  return { ...(sent as Record<string, string>) }
}

function text(value: unknown, field: string): string | undefined {
  if (value === undefined || value === null) return undefined
  if (typeof value === 'string') return value
  throw wrong(field, 'a string')
}
