import { Refusal } from '#test/clouds/gcp/refusal.ts'
import { record, wrong } from '#test/clouds/gcp/storage/lifecycle.ts'
import {
  checkObjectName,
  checkPreconditions,
  findObject,
  metaOf,
  placeOf,
  readObjectMetadata,
} from '#test/clouds/gcp/storage/objects.ts'
import { putObject } from '#test/clouds/gcp/storage/put.ts'
import type { Bucket, GcsObject, StorageWorld } from '#test/clouds/gcp/storage/world.ts'

/** `compose`: up to 32 objects of a bucket, one after the other, as a new one. https://cloud.google.com/storage/docs/composite-objects */
export async function composeObjects(
  world: StorageWorld,
  bucket: Bucket,
  name: string,
  query: URLSearchParams,
  sent: unknown,
): Promise<GcsObject> {
  const body = record(sent, 'compose', ['kind', 'destination', 'sourceObjects'])
  checkObjectName(name)
  const wanted = body['sourceObjects']
  if (!Array.isArray(wanted) || wanted.length === 0)
    throw new Refusal(400, 'required', 'You must provide at least one source component.')
  if (wanted.length > 32)
    throw new Refusal(
      400,
      'invalid',
      `The number of source components provided (${wanted.length}) exceeds the maximum (32)`,
    )
  const described = readObjectMetadata(bucket, body['destination'] ?? {})
  checkPreconditions(query, findObject(world, bucket, name, null))
  const sources = wanted.map((source: unknown) => sourceOf(world, bucket, source))
  const read = async function* () {
    for (const source of sources) yield* world.objects.read(...placeOf(bucket, source))
  }
  const components = sources.reduce((sum, { meta }) => sum + (meta.componentCount ?? 1), 0)
  // What is kept of a source may be corrupt; a composite's checksum is of the bytes that it really got.
  return putObject(world, bucket, name, read(), ({ crc32c }) =>
    metaOf(world, bucket, described, { md5: Buffer.alloc(0), crc32c }, components),
  )
}

function sourceOf(world: StorageWorld, bucket: Bucket, sent: unknown): GcsObject {
  const source = record(sent, 'sourceObjects', ['name', 'generation', 'objectPreconditions'])
  if (typeof source['name'] !== 'string') throw wrong('sourceObjects.name', 'a string')
  const given = source['generation']
  const generation = typeof given === 'number' || typeof given === 'string' ? String(given) : null
  const found = findObject(world, bucket, source['name'], generation)
  if (!found)
    throw new Refusal(404, 'notFound', `Object ${source['name']} (generation: ${generation ?? 0}) not found.`)
  const conditions = record(source['objectPreconditions'] ?? {}, 'objectPreconditions', ['ifGenerationMatch'])
  if (conditions['ifGenerationMatch'] !== undefined)
    checkPreconditions(
      new URLSearchParams({ ifGenerationMatch: String(conditions['ifGenerationMatch']) }),
      found,
    )
  return found
}
