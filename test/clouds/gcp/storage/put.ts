import { open } from 'node:fs/promises'
import type { Sums } from '#test/clouds/core/objects.ts'
import type { Fault } from '#test/clouds/core/types.ts'
import {
  archiveOf,
  type Bucket,
  type GcsObject,
  type ObjectMeta,
  type StorageWorld,
} from '#test/clouds/gcp/storage/world.ts'

/**
 * Puts an object in the place of the live one of its name, which stays as an old version where the bucket keeps versions. What is kept of it has the sums
 * of its bytes, or is made of those of the bytes as they came.
 */
export async function putObject(
  world: StorageWorld,
  bucket: Bucket,
  name: string,
  body: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  meta: ObjectMeta | ((sums: Sums) => ObjectMeta),
  fault?: Fault,
): Promise<GcsObject> {
  await archive(world, bucket, name)
  const known = typeof meta === 'function' ? undefined : meta
  const object = await world.objects.put(bucket.name, name, body, meta, known)
  if (fault?.mode === 'corrupt_stored') await flipByte(object)
  return object
}

/** Deletes the live object (an old version of it stays where the bucket keeps versions), or for good the version that is named. */
export async function deleteObject(
  world: StorageWorld,
  bucket: Bucket,
  object: GcsObject,
  forGood: boolean,
): Promise<void> {
  if (object.meta.noncurrentSinceMs !== undefined) {
    await world.objects.delete(archiveOf(bucket.name), object.key)
    return
  }
  if (!forGood) await archive(world, bucket, object.key)
  await world.objects.delete(bucket.name, object.key)
}

async function archive({ objects, clock }: StorageWorld, bucket: Bucket, name: string): Promise<void> {
  const live = objects.stat(bucket.name, name)
  if (!live || !bucket.versioning) return
  await objects.put(
    archiveOf(bucket.name),
    `${name}#${live.meta.generation}`,
    objects.read(bucket.name, name),
    {
      ...live.meta,
      noncurrentSinceMs: clock.now(),
    },
  )
}

async function flipByte({ path, sizeBytes }: GcsObject): Promise<void> {
  if (sizeBytes === 0) return
  const file = await open(path, 'r+')
  try {
    const byte = Buffer.alloc(1)
    await file.read(byte, 0, 1, sizeBytes >> 1)
    byte[0] = (byte[0] ?? 0) ^ 1
    await file.write(byte, 0, 1, sizeBytes >> 1)
  } finally {
    await file.close()
  }
}
