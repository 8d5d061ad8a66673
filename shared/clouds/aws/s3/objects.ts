import type { AwsClients } from '#shared/clouds/aws/clients.ts'
import { unlessAbsent } from '#shared/clouds/aws/parallel.ts'
import { pieces } from '#shared/clouds/pieces.ts'
import { partBytes, uploadInParts } from '#shared/clouds/aws/s3/upload.ts'
import { CloudError } from '#shared/clouds/errors.ts'
import type { CloudObject, CloudRef, ObjectsFacet } from '#shared/clouds/port.ts'

/** Objects of S3 buckets. */
export const createObjects = (aws: AwsClients): ObjectsFacet => ({
  list: (bucket, query) => list(aws, bucket, query),

  async write(bucket, object) {
    if (object.sizeBytes > partBytes) return uploadInParts(aws, bucket, object)
    for await (const { data } of pieces(object.body, partBytes, object.sizeBytes, writing)) {
      const request = { Bucket: bucket.id, Key: object.key, Body: data, ChecksumAlgorithm: 'SHA256' as const }
      await aws.s3(bucket.region, 'PutObject', (s3, http) => s3.putObject(request, http))
    }
  },

  read: (bucket, object) => read(aws, bucket, object),

  async delete({ region, id: Bucket }, Key) {
    await unlessAbsent(aws.s3(region, 'DeleteObject', (s3, http) => s3.deleteObject({ Bucket, Key }, http)))
  },
})

async function* list(
  aws: AwsClients,
  { region, id: Bucket }: CloudRef,
  { prefix: Prefix }: { prefix: string },
): AsyncGenerator<CloudObject> {
  for (let token: string | undefined; ;) {
    const page = await aws.s3(region, 'ListObjectsV2', (s3, http) =>
      s3.listObjectsV2(
        { Bucket, Prefix, MaxKeys: 1000, ...(token === undefined ? {} : { ContinuationToken: token }) },
        http,
      ),
    )
    for (const { Key = '', Size = 0, LastModified = new Date(0) } of page.Contents ?? []) {
      yield { key: Key, sizeBytes: Size, modifiedAt: LastModified }
    }
    token = page.NextContinuationToken
    if (page.IsTruncated !== true || token === undefined) return
  }
}

/** In ranges that are asked for again when the connection breaks, all of the same version of the object. */
async function* read(
  aws: AwsClients,
  bucket: CloudRef,
  { key, offset = 0, length }: { key: string; offset?: number; length?: number },
): AsyncGenerator<Buffer> {
  const wanted = length ?? Infinity
  let etag: string | undefined
  for (let done = 0; done < wanted;) {
    const from = offset + done
    const bytes = Math.min(partBytes, wanted - done)
    const range = await readRange(aws, bucket, { key, from, to: from + bytes - 1, etag })
    if (range === undefined) return
    etag ??= range.etag
    yield range.data
    done += range.data.length
    if (offset + done >= range.totalBytes) return
  }
}

interface Range {
  data: Buffer
  etag: string | undefined
  totalBytes: number
}

/** Undefined for an object without bytes, of which no range can be had. */
async function readRange(
  aws: AwsClients,
  { region, id: Bucket }: CloudRef,
  { key: Key, from, to, etag }: { key: string; from: number; to: number; etag: string | undefined },
): Promise<Range | undefined> {
  const request = {
    Bucket,
    Key,
    Range: `bytes=${from}-${to}`,
    ...(etag === undefined ? {} : { IfMatch: etag }),
  }
  for (let attempt = 1; ; attempt++) {
    try {
      return await aws.s3(region, 'GetObject', async (s3, http) => {
        const { Body, ContentRange, ETag } = await s3.getObject(request, http)
        // Inside the call, so that a connection that breaks in the middle of the body counts as the call's failure.
        const data = Buffer.from((await Body?.transformToByteArray()) ?? [])
        const totalBytes = Number(/\/(\d+)$/.exec(ContentRange ?? '')?.[1] ?? from + data.length)
        return { data, etag: ETag, totalBytes }
      })
    } catch (error) {
      if (!(error instanceof CloudError)) throw error
      if (error.vendorCode === 'InvalidRange' && from === 0) return undefined
      if (attempt === attempts || !['network', 'timeout', 'unavailable'].includes(error.code)) throw error
    }
  }
}

const attempts = 3
const writing = { cloud: 'aws', operation: 'PutObject' } as const
