import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdir, open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { crc32c } from './crc32c.ts'

/** One object as it is kept. `Meta` is the cloud's own: content type, tags, what the vendor's headers said. */
export interface StoredObject<Meta> {
  readonly key: string
  readonly sizeBytes: number
  readonly md5: Buffer
  readonly crc32c: number
  /** The digest in hex, without quotes. A cloud that makes others (S3's of parts, Azure's) keeps its own in `meta`. */
  readonly etag: string
  /** Microseconds of when it was put, and never twice the same: grows with every put of the store. */
  readonly generation: number
  readonly modifiedAt: Date
  readonly meta: Meta
  /** The file with its bytes, for who converts images. It never changes; replacing or deleting the object unlinks it. */
  readonly path: string
}

/** Checksums of an object's bytes. */
export interface Sums {
  readonly md5: Buffer
  readonly crc32c: number
}

/** Objects with their bytes in files. Buckets are the caller's: a bucket is there when an object in it is. */
export interface ObjectStore<Meta> {
  /**
   * Takes an object in whole and then puts it in the place of the one that was there; until then, and when `body` fails, nothing has
   * changed. Of two at once, the one that ends last stays.
   * @param meta what is to be kept of it, or what gives that from the sums of the bytes that came.
   * @param sums of the body, where they are known: they are not taken again.
   */
  put(
    bucket: string,
    key: string,
    body: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
    meta: Meta | ((sums: Sums) => Meta),
    sums?: Sums,
  ): Promise<StoredObject<Meta>>
  stat(bucket: string, key: string): StoredObject<Meta> | undefined
  /**
   * The bytes from `offset` (default 0), to the end or `length` of them, as they were when reading began.
   * @throws Error if there is no such object, RangeError if the range is not within it.
   */
  read(bucket: string, key: string, range?: { offset?: number; length?: number }): AsyncIterable<Buffer>
  /** Those whose key begins with `prefix`, in the order of their keys' UTF-8 bytes, as every vendor lists them. */
  list(bucket: string, prefix?: string): StoredObject<Meta>[]
  /** Says whether there was one. */
  delete(bucket: string, key: string): Promise<boolean>
  /** Puts the bytes of several objects of the bucket, one after the other, as one. They stay. @throws Error if one is missing. */
  compose(bucket: string, sourceKeys: readonly string[], key: string, meta: Meta): Promise<StoredObject<Meta>>
  /** Describes an object anew, with the same bytes and generation. @throws Error if there is no such object. */
  setMeta(bucket: string, key: string, meta: Meta): StoredObject<Meta>
}

/** Opens a store in a directory, which is made when missing. Memory holds the descriptions alone. */
export function createObjectStore<Meta>(dir: string): ObjectStore<Meta> {
  const buckets = new Map<string, Map<string, StoredObject<Meta>>>()
  let files = 0
  let lastGeneration = 0

  const get = (bucket: string, key: string): StoredObject<Meta> => {
    const found = buckets.get(bucket)?.get(key)
    if (!found) throw new Error(`no stored object ${bucket}/${key}`)
    return found
  }
  const enter = async (bucket: string, object: StoredObject<Meta>) => {
    const objects = buckets.get(bucket) ?? new Map<string, StoredObject<Meta>>()
    buckets.set(bucket, objects)
    const replaced = objects.get(object.key)
    objects.set(object.key, object)
    if (replaced) await rm(replaced.path, { force: true })
    return object
  }

  const store: ObjectStore<Meta> = {
    async put(bucket, key, body, given, known) {
      await mkdir(dir, { recursive: true })
      files += 1
      const path = join(dir, `${files}.object`)
      const written = await writeAll(path, body, known)
      const meta = typeof given === 'function' ? (given as (sums: Sums) => Meta)(written) : given
      const now = new Date()
      lastGeneration = Math.max(lastGeneration + 1, now.getTime() * 1000)
      const etag = written.md5.toString('hex')
      return enter(bucket, { key, ...written, etag, generation: lastGeneration, modifiedAt: now, meta, path })
    },

    stat: (bucket, key) => buckets.get(bucket)?.get(key),

    async *read(bucket, key, { offset = 0, length } = {}) {
      const { path, sizeBytes } = get(bucket, key)
      const end = length === undefined ? sizeBytes : offset + length
      if (offset < 0 || end < offset || end > sizeBytes)
        throw new RangeError(
          `bytes ${offset} to ${end} are not within ${bucket}/${key} of ${sizeBytes} bytes`,
        )
      if (end === offset) return
      yield* createReadStream(path, { start: offset, end: end - 1, highWaterMark: pieceBytes })
    },

    list: (bucket, prefix = '') =>
      [...(buckets.get(bucket)?.values() ?? [])]
        .filter(({ key }) => key.startsWith(prefix))
        .map((object) => ({ object, bytes: Buffer.from(object.key) }))
        .toSorted((a, b) => a.bytes.compare(b.bytes))
        .map(({ object }) => object),

    async delete(bucket, key) {
      const object = buckets.get(bucket)?.get(key)
      if (!object) return false
      buckets.get(bucket)?.delete(key)
      await rm(object.path, { force: true })
      return true
    },

    async compose(bucket, sourceKeys, key, meta) {
      for (const source of sourceKeys) get(bucket, source)
      return store.put(bucket, key, oneAfterTheOther(store, bucket, sourceKeys), meta)
    },

    setMeta(bucket, key, meta) {
      const object = { ...get(bucket, key), meta }
      buckets.get(bucket)?.set(key, object)
      return object
    },
  }
  return store
}

const pieceBytes = 1024 * 1024

async function writeAll(
  path: string,
  body: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  known: Sums | undefined,
): Promise<Sums & { sizeBytes: number }> {
  const file = await open(path, 'wx')
  const digest = createHash('md5')
  let [sizeBytes, checksum] = [0, 0]
  try {
    for await (const piece of body) {
      await file.writev([piece])
      sizeBytes += piece.length
      if (known) continue
      digest.update(piece)
      checksum = crc32c(piece, checksum)
    }
  } catch (error) {
    await rm(path, { force: true })
    throw error
  } finally {
    await file.close()
  }
  return { sizeBytes, ...(known ?? { md5: digest.digest(), crc32c: checksum }) }
}

async function* oneAfterTheOther(
  store: Pick<ObjectStore<unknown>, 'read'>,
  bucket: string,
  keys: readonly string[],
): AsyncGenerator<Buffer> {
  for (const key of keys) yield* store.read(bucket, key)
}
