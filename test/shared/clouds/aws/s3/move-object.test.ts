import { randomBytes } from 'node:crypto'
import { buffer } from 'node:stream/consumers'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createClients, type AwsClients } from '#shared/clouds/aws/clients.ts'
import { moveObject } from '#shared/clouds/aws/s3/move-object.ts'
import { parseAwsSettings } from '#shared/clouds/aws/settings.ts'
import type { CloudRef } from '#shared/clouds/port.ts'
import { openSubject } from '#test/shared/clouds/aws/subject.ts'
import { intentOf, newJob } from '#test/shared/clouds/conformance/subject.ts'
import { makeBucket } from '#test/shared/clouds/conformance/things.ts'
import { useSubject } from '#test/shared/clouds/use-subject.ts'

const mebibyte = 2 ** 20
let aws: AwsClients
let bucket: CloudRef
const subject = useSubject(openSubject)
beforeAll(async () => {
  aws = createClients(parseAwsSettings(subject.settings))
  bucket = await makeBucket(subject, intentOf(newJob()))
})
afterAll(() => aws.close())

const keys = async () =>
  (await Array.fromAsync(subject.cloud.storage.objects.list(bucket, { prefix: '' }))).map(({ key }) => key)

test.for<[string, number, string[]]>([
  ['in one copy what S3 copies at once', 20 * mebibyte, ['HeadObject', 'CopyObject', 'DeleteObject']],
  [
    'in parts what is larger',
    10 * mebibyte,
    [
      'HeadObject',
      'ListMultipartUploads',
      'CreateMultipartUpload',
      'UploadPartCopy',
      'UploadPartCopy',
      'UploadPartCopy',
      'CompleteMultipartUpload',
      'DeleteObject',
    ],
  ],
])(
  'an object is moved %s, with its bytes, and moving it again says that it is gone',
  async ([, oneCopyBytes, calls]) => {
    const data = randomBytes(13 * mebibyte)
    const body = (async function* () {
      yield await Promise.resolve(data)
    })()
    const { objects } = subject.cloud.storage
    await objects.write(bucket, { key: 'from/a b+ü', sizeBytes: data.length, body })
    const to = { region: bucket.region, bucket: bucket.id, key: 'to' }
    subject.loopback.clearCalls()
    expect(await moveObject(aws, to, 'from/a b+ü', { oneCopyBytes, partBytes: 5 * mebibyte })).toBe(true)
    expect(subject.loopback.calls().map(({ operation }) => operation)).toEqual(calls)
    expect(await keys()).toEqual(['to'])
    expect((await buffer(objects.read(bucket, { key: 'to' }))).equals(data)).toBe(true)
    expect(await moveObject(aws, to, 'from/a b+ü')).toBe(false)
    await objects.delete(bucket, 'to')
  },
)

test('an object that somebody else moves at the same time is moved once, and nobody fails', async () => {
  const { objects } = subject.cloud.storage
  const body = (async function* () {
    yield await Promise.resolve(Buffer.from('moved'))
  })()
  await objects.write(bucket, { key: 'from', sizeBytes: 5, body })
  const to = { region: bucket.region, bucket: bucket.id, key: 'to' }
  subject.loopback.clearCalls()
  subject.loopback.inject({ operation: 'CopyObject', mode: 'hold' })
  const late = moveObject(aws, to, 'from')
  await expect
    .poll(() => subject.loopback.calls().some(({ operation }) => operation === 'CopyObject'))
    .toBe(true)
  expect(await moveObject(aws, to, 'from')).toBe(true)
  subject.loopback.clearFaults()
  expect(await late).toBe(false)
  expect(await keys()).toEqual(['to'])
  await objects.delete(bucket, 'to')
})
