import { randomBytes } from 'node:crypto'
import { buffer } from 'node:stream/consumers'
import { beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { CloudRef } from '#shared/clouds/port.ts'
import { rawS3 } from '#test/shared/clouds/aws/make-public.ts'
import { openSubject } from '#test/shared/clouds/aws/subject.ts'
import { intentOf, newJob } from '#test/shared/clouds/conformance/subject.ts'
import { makeBucket } from '#test/shared/clouds/conformance/things.ts'
import { useSubject } from '#test/shared/clouds/use-subject.ts'

const mebibyte = 2 ** 20
let bucket: CloudRef
const subject = useSubject(openSubject)
beforeAll(async () => {
  bucket = await makeBucket(subject, intentOf(newJob()))
})
beforeEach(() => {
  subject.loopback.clearFaults()
  subject.loopback.clearCalls()
})

async function* body(data: Buffer) {
  for (let at = 0; at < data.length; at += mebibyte)
    yield await Promise.resolve(data.subarray(at, at + mebibyte))
}
const write = (key: string, data: Buffer) =>
  subject.cloud.storage.objects.write(bucket, { key, sizeBytes: data.length, body: body(data) })
const read = (key: string) => buffer(subject.cloud.storage.objects.read(bucket, { key }))
const called = (operation: string) =>
  subject.loopback.calls().filter((call) => call.operation === operation).length
const uploads = async () => {
  const s3 = rawS3(subject.loopback, subject.region)
  const { Uploads = [] } = await s3.listMultipartUploads({ Bucket: bucket.id })
  s3.destroy()
  return Uploads.map(({ Key }) => Key)
}

describe('a large object', () => {
  test('is written in parts of 8 MiB, and nothing of the upload is left', async () => {
    const data = randomBytes(17 * mebibyte)
    await write('large', data)
    expect(called('UploadPart')).toBe(3)
    expect((await read('large')).equals(data)).toBe(true)
    expect(await uploads()).toEqual([])
  })

  test('whose part was refused for good leaves neither object nor parts', async () => {
    subject.loopback.inject({
      operation: 'UploadPart',
      mode: 'error',
      code: 'AccessDenied',
      status: 403,
      skip: 1,
    })
    await expect(write('refused', randomBytes(17 * mebibyte))).rejects.toMatchObject({ code: 'forbidden' })
    expect(await uploads()).toEqual([])
    await expect(read('refused')).rejects.toMatchObject({ code: 'not_found' })
  })

  test('takes the parts with it that an earlier, cut off write of the same key left', async () => {
    const s3 = rawS3(subject.loopback, subject.region)
    await s3.createMultipartUpload({ Bucket: bucket.id, Key: 'crashed' })
    await s3.createMultipartUpload({ Bucket: bucket.id, Key: 'crashed/other' })
    s3.destroy()
    await write('crashed', randomBytes(9 * mebibyte))
    expect(await uploads()).toEqual(['crashed/other'])
  })

  test('is sent again where a connection broke, in both directions', async () => {
    const data = randomBytes(17 * mebibyte)
    subject.loopback.inject({ operation: 'UploadPart', mode: 'drop_reply', times: 2 })
    await write('broken', data)
    subject.loopback.inject({ operation: 'GetObject', mode: 'drop_reply', times: 2, skip: 1 })
    expect((await read('broken')).equals(data)).toBe(true)
  })

  test('that is replaced while it is read is an error, never a mixture', async () => {
    await write('replaced', randomBytes(17 * mebibyte))
    const reading = subject.cloud.storage.objects.read(bucket, { key: 'replaced' })[Symbol.asyncIterator]()
    await reading.next()
    await write('replaced', randomBytes(17 * mebibyte))
    const outcome = await reading.next().then(
      () => 'more bytes',
      (error: unknown) => error,
    )
    expect(outcome).toMatchObject({ code: 'conflict', vendorCode: 'PreconditionFailed' })
  })
})

test('a body that S3 finds altered is an error worth another try', async () => {
  subject.loopback.inject({ operation: 'PutObject', mode: 'error', code: 'BadDigest', status: 400 })
  await expect(write('small', Buffer.from('x'))).rejects.toMatchObject({
    code: 'integrity',
    kind: 'retryable',
  })
})

test('an empty object is written and read', async () => {
  await write('empty', Buffer.alloc(0))
  expect(await read('empty')).toHaveLength(0)
})
