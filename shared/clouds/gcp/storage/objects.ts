import { createHash, randomUUID } from 'node:crypto'
import type { File, FileMetadata } from '@google-cloud/storage'
import type { GcpClient } from '#shared/clouds/gcp/client.ts'
import { orMissing } from '#shared/clouds/gcp/client.ts'
import { createGcs, type Gcs } from '#shared/clouds/gcp/storage/gcs.ts'
import { damaged } from '#shared/clouds/gcp/storage/integrity.ts'
import { readObject } from '#shared/clouds/gcp/storage/reading.ts'
import { uploadResumable } from '#shared/clouds/gcp/storage/resumable.ts'

/** One version of an object, as Cloud Storage describes it. */
export interface GcsObject {
  key: string
  sizeBytes: number
  /** Tells versions of the same key apart. */
  generation: string
  /** Base64 of the four bytes, highest first. */
  crc32c: string
  /** Base64; composite objects have none. */
  md5?: string
  /** Our own words on it. */
  metadata: Record<string, string>
  createdAt: Date
  modifiedAt: Date
}

export interface PutOptions {
  contentType?: string
  metadata?: Record<string, string>
  /** `0`: only if there is none of that key; else only onto that version. A mismatch is CloudError `conflict`. */
  ifGenerationMatch?: string
}

/** Objects of Cloud Storage, for every facet that keeps something there. */
export interface GcsObjects {
  /** Writes bytes that are in memory (in one piece, or several in a row), in one request; Google checks their MD5. Safe to repeat. */
  put(
    bucket: string,
    key: string,
    data: Uint8Array | readonly Uint8Array[],
    options?: PutOptions,
  ): Promise<GcsObject>
  /** Writes exactly `sizeBytes` from a stream, in pieces of 8 MiB that are sent again one by one; Google checks the MD5 of the whole. */
  write(
    bucket: string,
    object: { key: string; sizeBytes: number; body: AsyncIterable<Uint8Array> } & PutOptions,
  ): Promise<GcsObject>
  /** The bytes from `offset`, to the end or `length` of them; a whole object is checked against its checksum. */
  read(bucket: string, key: string, range?: { offset?: number; length?: number }): AsyncIterable<Buffer>
  /** Exactly these bytes. @throws CloudError `integrity` if there are fewer. */
  readRange(bucket: string, key: string, offset: number, length: number): Promise<Buffer>
  stat(bucket: string, key: string): Promise<GcsObject | undefined>
  /** Paged to the end; `versions` lists those that are no longer live, too. */
  list(bucket: string, prefix: string, options?: { versions?: boolean }): AsyncIterable<GcsObject>
  /** The folders right under `prefix` (`a/` has `a/b/`), each once, without what lies in them. */
  folders(bucket: string, prefix: string): AsyncIterable<string>
  /** Puts 1 to 32 objects one after the other as one; they stay. Google copies the bytes itself. */
  compose(bucket: string, key: string, sources: readonly string[], options?: PutOptions): Promise<GcsObject>
  /** Gone already is fine. With `generation` that version for good. */
  delete(bucket: string, key: string, generation?: string): Promise<void>
}

/** Objects over the client's wire; the SDK is loaded for all but the bytes. */
export function createGcsObjects(gcp: GcpClient, gcs: Gcs = createGcs(gcp)): GcsObjects {
  const objects: GcsObjects = {
    async put(
      bucket,
      key,
      data,
      { contentType = 'application/octet-stream', metadata = {}, ifGenerationMatch } = {},
    ) {
      const boundary = `novacron-${randomUUID()}`
      const pieces = data instanceof Uint8Array ? [data] : data
      const digest = createHash('md5')
      for (const piece of pieces) digest.update(piece)
      const md5Hash = digest.digest('base64')
      const sizeBytes = pieces.reduce((sum, { length }) => sum + length, 0)
      const described = JSON.stringify({ contentType, metadata, md5Hash })
      const head = `--${boundary}\r\ncontent-type: application/json; charset=utf-8\r\n\r\n${described}\r\n--${boundary}\r\ncontent-type: ${contentType}\r\n\r\n`
      const sent = await gcp.rest('storage.objects.insert', {
        method: 'POST',
        service: 'storage',
        path: `/upload/storage/v1/b/${encodeURIComponent(bucket)}/o`,
        query: { uploadType: 'multipart', name: key, ifGenerationMatch },
        headers: { 'content-type': `multipart/related; boundary=${boundary}` },
        body: Buffer.concat([Buffer.from(head), ...pieces, Buffer.from(`\r\n--${boundary}--`)]),
      })
      const object = objectOf(sent as FileMetadata)
      if (object.md5 === md5Hash && object.sizeBytes === sizeBytes) return object
      throw damaged('storage.objects.insert', `gs://${bucket}/${key} is not what was sent.`)
    },

    async write(bucket, { key, sizeBytes, body, ...options }) {
      const { described, md5 } = await uploadResumable(gcp, bucket, { key, sizeBytes, body, ...options })
      const object = objectOf(described)
      if (object.md5 === md5 && object.sizeBytes === sizeBytes) return object
      await objects.delete(bucket, key, object.generation)
      throw damaged('storage.objects.insert', `gs://${bucket}/${key} is not what was sent.`)
    },

    read: (bucket, key, range = {}) => readObject(gcp, bucket, key, range),

    async readRange(bucket, key, offset, length) {
      if (length === 0) return Buffer.alloc(0)
      const pieces: Buffer[] = []
      for await (const piece of readObject(gcp, bucket, key, { offset, length })) pieces.push(piece)
      const data = Buffer.concat(pieces)
      if (data.length === length) return data
      throw damaged(
        'storage.objects.get',
        `gs://${bucket}/${key} gave ${data.length} bytes of ${length} at ${offset}.`,
      )
    },

    stat: (bucket, key) =>
      orMissing(
        gcs('storage.objects.get', async (storage) => {
          const [metadata] = await storage.bucket(bucket).file(key).getMetadata()
          return objectOf(metadata)
        }),
      ),

    async *list(bucket, prefix, { versions = false } = {}) {
      for await (const { files } of listPages(gcs, bucket, { prefix, ...(versions ? { versions } : {}) }))
        for (const file of files) yield objectOf(file.metadata)
    },

    async *folders(bucket, prefix) {
      for await (const { folders } of listPages(gcs, bucket, { prefix, delimiter: '/' })) yield* folders
    },

    async compose(
      bucket,
      key,
      sources,
      { contentType = 'application/octet-stream', metadata = {}, ifGenerationMatch } = {},
    ) {
      const sent = await gcp.rest('storage.objects.compose', {
        method: 'POST',
        service: 'storage',
        path: `/storage/v1/b/${encodeURIComponent(bucket)}/o/${encodeURIComponent(key)}/compose`,
        query: { ifGenerationMatch },
        // The SDK's own `combine` leaves the metadata out.
        body: { destination: { contentType, metadata }, sourceObjects: sources.map((name) => ({ name })) },
      })
      return objectOf(sent as FileMetadata)
    },

    async delete(bucket, key, generation) {
      await orMissing(
        gcs('storage.objects.delete', async (storage) => {
          await storage
            .bucket(bucket)
            .file(key, generation === undefined ? {} : { generation })
            .delete()
        }),
      )
    },
  }
  return objects
}

/** Pages of a bucket's list, to the end. With `delimiter`, what lies in folders right under the prefix is told as these. */
async function* listPages(
  gcs: Gcs,
  bucket: string,
  query: { prefix: string; versions?: boolean; delimiter?: string },
): AsyncGenerator<{ files: File[]; folders: string[] }> {
  for (let pageToken: string | undefined; ;) {
    const [files, next, listed] = await gcs('storage.objects.list', (storage) =>
      storage.bucket(bucket).getFiles({
        ...query,
        autoPaginate: false,
        ...(pageToken === undefined ? {} : { pageToken }),
      }),
    )
    yield { files, folders: (listed as { prefixes?: string[] } | undefined)?.prefixes ?? [] }
    pageToken = (next as { pageToken?: string } | null)?.pageToken
    if (pageToken === undefined) return
  }
}

function objectOf(metadata: FileMetadata): GcsObject {
  const { name = '', size, generation, crc32c = '', md5Hash, timeCreated, updated } = metadata
  return {
    key: name,
    sizeBytes: Number(size),
    generation: String(generation),
    crc32c,
    ...(md5Hash === undefined ? {} : { md5: md5Hash }),
    metadata: Object.fromEntries(
      Object.entries(metadata.metadata ?? {}).map(([field, value]) => [field, String(value)]),
    ),
    createdAt: new Date(timeCreated ?? 0),
    modifiedAt: new Date(updated ?? 0),
  }
}
