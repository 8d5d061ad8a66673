import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import type { S3 } from '@aws-sdk/client-s3'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openRaw, refusalOf, type RawAws } from '#test/clouds/aws/raw.ts'
import { rawS3 } from '#test/shared/clouds/aws/make-public.ts'

let raw: RawAws
let s3: S3
const Bucket = 'loopback-bucket'
beforeAll(async () => {
  raw = await openRaw({ pageLimit: 2 })
  s3 = rawS3(raw.aws, 'us-east-1')
  await s3.createBucket({ Bucket })
})
afterAll(async () => {
  s3.destroy()
  await raw.close()
})

const text = async (Key: string, more: Partial<Parameters<S3['getObject']>[0]> = {}) => {
  const { Body } = await s3.getObject({ Bucket, Key, ...more })
  return Body?.transformToString()
}

describe('S3', () => {
  test('takes a body that is signed in chunks with its checksum behind it', async () => {
    const Body = Readable.from([Buffer.from('stre'), Buffer.from('amed')])
    await s3.putObject({ Bucket, Key: 'chunked', Body, ContentLength: 8, ChecksumAlgorithm: 'CRC32' })
    expect(await text('chunked')).toBe('streamed')
  })

  test('refuses a body that is not what its checksum says, in every algorithm, and keeps what was there', async () => {
    await s3.putObject({ Bucket, Key: 'proved', Body: 'true' })
    const wrong = createHash('sha256').update('false').digest('base64')
    const attempts = [
      { ChecksumSHA256: wrong },
      { ChecksumCRC32: 'AAAAAA==' },
      { ChecksumCRC32C: 'AAAAAA==' },
      { ContentMD5: createHash('md5').update('false').digest('base64') },
    ]
    for (const checksum of attempts) {
      expect(await refusalOf(s3.putObject({ Bucket, Key: 'proved', Body: 'other', ...checksum }))).toBe(
        'BadDigest',
      )
    }
    expect(await text('proved')).toBe('true')
  })

  test('refuses a wrong secret, and a bucket of another region', async () => {
    const credentials = { ...raw.aws.credentials, secret_access_key: 'wrong' }
    const stranger = rawS3({ ...raw.aws, credentials }, 'us-east-1')
    expect(await refusalOf(stranger.listBuckets())).toBe('SignatureDoesNotMatch')
    stranger.destroy()
    const elsewhere = rawS3(raw.aws, 'eu-west-1')
    expect(await refusalOf(elsewhere.listObjectsV2({ Bucket }))).toBe('PermanentRedirect')
    expect(
      await refusalOf(
        elsewhere.createBucket({
          Bucket: 'misplaced',
          CreateBucketConfiguration: { LocationConstraint: 'us-west-2' },
        }),
      ),
    ).toBe('IllegalLocationConstraintException')
    elsewhere.destroy()
  })

  test('refuses what it does not know: a header, a setting, a name that is none', async () => {
    const dressed = s3.putObject({ Bucket, Key: 'a', Body: 'a', WebsiteRedirectLocation: '/b' })
    expect(await refusalOf(dressed)).toBe('InvalidArgument')
    const rules = {
      Rules: [{ ID: 'x', Status: 'Enabled' as const, Filter: {}, NoncurrentVersionExpiration: {} }],
    }
    const odd = s3.putBucketLifecycleConfiguration({ Bucket, LifecycleConfiguration: rules })
    expect(await refusalOf(odd)).toBe('MalformedXML')
    expect(await refusalOf(s3.createBucket({ Bucket: 'Capitals' }))).toBe('InvalidBucketName')
  })

  test('keeps the rules of rules: thirty days before infrequent access, each class later than the one before', async () => {
    const put = (Transitions: { Days: number; StorageClass: 'STANDARD_IA' | 'GLACIER' }[], Days: number) =>
      s3.putBucketLifecycleConfiguration({
        Bucket,
        LifecycleConfiguration: {
          Rules: [{ ID: 'x', Status: 'Enabled', Filter: { Prefix: '' }, Transitions, Expiration: { Days } }],
        },
      })
    expect(await refusalOf(put([{ Days: 29, StorageClass: 'STANDARD_IA' }], 90))).toBe('InvalidArgument')
    const close = [
      { Days: 30, StorageClass: 'STANDARD_IA' as const },
      { Days: 59, StorageClass: 'GLACIER' as const },
    ]
    expect(await refusalOf(put(close, 90))).toBe('InvalidArgument')
    expect(await refusalOf(put([{ Days: 30, StorageClass: 'STANDARD_IA' }], 30))).toBe('InvalidArgument')
    await put([{ Days: 30, StorageClass: 'STANDARD_IA' }], 31)
  })

  test('lists on pages whose tokens continue only their own listing', async () => {
    for (const Key of ['p/1', 'p/2', 'p/3', 'q/1']) await s3.putObject({ Bucket, Key, Body: Key })
    const first = await s3.listObjectsV2({ Bucket, Prefix: 'p/' })
    expect(first.Contents?.map(({ Key }) => Key)).toEqual(['p/1', 'p/2'])
    const token = first.NextContinuationToken
    const next = { Bucket, ContinuationToken: token }
    const second = await s3.listObjectsV2({ ...next, Prefix: 'p/' })
    expect(second.Contents?.map(({ Key }) => Key)).toEqual(['p/3'])
    expect(await refusalOf(s3.listObjectsV2({ ...next, Prefix: 'q/' }))).toBe('InvalidArgument')
    expect(await refusalOf(s3.listObjectsV2({ Bucket, ContinuationToken: 'made-up' }))).toBe(
      'InvalidArgument',
    )
  })

  test('completes an upload only of the parts that it has, in order and large enough', async () => {
    const Key = 'parts'
    const { UploadId } = await s3.createMultipartUpload({ Bucket, Key })
    const send = async (PartNumber: number, Body: string) => {
      const { ETag } = await s3.uploadPart({ Bucket, Key, UploadId, PartNumber, Body })
      return { PartNumber, ETag }
    }
    const [one, two] = [await send(1, 'small'), await send(2, 'last')]
    const complete = (Parts: { PartNumber: number; ETag: string | undefined }[]) =>
      s3.completeMultipartUpload({ Bucket, Key, UploadId, MultipartUpload: { Parts } })
    expect(await refusalOf(complete([one, two]))).toBe('EntityTooSmall')
    expect(await refusalOf(complete([two, one]))).toBe('EntityTooSmall')
    expect(await refusalOf(complete([{ ...one, ETag: '"0"' }]))).toBe('InvalidPart')
    await complete([two])
    expect(await text(Key)).toBe('last')
    expect(await refusalOf(s3.abortMultipartUpload({ Bucket, Key, UploadId }))).toBe('NoSuchUpload')
  })

  test('gives ranges of the version that was asked for', async () => {
    await s3.putBucketVersioning({ Bucket, VersioningConfiguration: { Status: 'Enabled' } })
    const { VersionId, ETag } = await s3.putObject({ Bucket, Key: 'v', Body: 'first one' })
    await s3.putObject({ Bucket, Key: 'v', Body: 'second' })
    expect(await text('v', { VersionId, Range: 'bytes=6-' })).toBe('one')
    expect(await text('v', { Range: 'bytes=-3' })).toBe('ond')
    expect(await refusalOf(text('v', { Range: 'bytes=6-' }))).toBe('InvalidRange')
    expect(await refusalOf(text('v', { IfMatch: ETag }))).toBe('PreconditionFailed')
    await s3.deleteObject({ Bucket, Key: 'v' })
    expect(await refusalOf(text('v'))).toBe('NoSuchKey')
    expect(await text('v', { VersionId })).toBe('first one')
  })
})
