import { randomBytes, randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createObjectStorage } from '#shared/clouds/onprem/objects/storage.ts'
import { startAws, type LoopbackAws } from '#test/clouds/aws/server.ts'
import { bodyOf } from '#test/shared/clouds/onprem/objects/bucket.ts'
import { openSiteOfTest, owner } from '#test/shared/clouds/onprem/site.ts'

let dir: string
let service: LoopbackAws
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'nc-s3-'))
  service = await startAws({ dir, boot: false, delaysMs: { visible: 20 } })
})
afterAll(async () => {
  await service?.close()
  await rm(dir, { recursive: true, force: true })
})

async function openStorage() {
  const { access_key_id, secret_access_key } = service.credentials
  const site = await openSiteOfTest({
    hosts: [{}, { location: 'attic' }],
    credentials: {
      s3_access_key_id: access_key_id ?? '',
      s3_secret_access_key: secret_access_key ?? '',
    },
    options: { object_store: { endpoint: service.endpoints['s3'] ?? service.url } },
  })
  return createObjectStorage(site)
}

const wishes = (changes: { name?: string; region?: string } = {}) => ({
  token: randomUUID(),
  tags: owner,
  region: 'lab',
  name: `b-${randomUUID()}`,
  versioning: true,
  lifecycle: [{ id: 'old', prefix: '', expireAfterDays: 7 }],
  ...changes,
})

test('buckets and objects of an S3 service are as those of a folder', async () => {
  const { buckets, objects, close } = await openStorage()
  const request = wishes()
  const bucket = await buckets.create(request)
  expect(await buckets.create(request)).toEqual(bucket)
  expect(bucket).toEqual({ region: 'lab', id: request.name })
  expect(await buckets.get(bucket)).toMatchObject({
    region: 'lab',
    encrypted: true,
    access: 'blocked',
    versioning: true,
    lifecycle: request.lifecycle,
    tags: owner,
  })
  const data = randomBytes(9 * 2 ** 20)
  await objects.write(bucket, { key: 'a/b', sizeBytes: data.length, body: bodyOf(data) })
  expect((await buffer(objects.read(bucket, { key: 'a/b' }))).equals(data)).toBe(true)
  expect((await Array.fromAsync(objects.list(bucket, { prefix: 'a/' }))).map(({ key }) => key)).toEqual([
    'a/b',
  ])
  await expect(buckets.delete(bucket, { withObjects: false })).rejects.toMatchObject({ code: 'conflict' })
  await buckets.delete(bucket, { withObjects: true })
  expect(await buckets.get(bucket)).toBeUndefined()
  close()
})

test('a bucket is of one location alone', async () => {
  const { buckets, close } = await openStorage()
  const request = wishes({ region: 'attic' })
  const bucket = await buckets.create(request)
  const ids = async (region: string) => (await Array.fromAsync(buckets.list({ region }))).map(({ id }) => id)
  expect(await ids('attic')).toEqual([bucket.id])
  expect(await ids('lab')).not.toContain(bucket.id)
  expect(await buckets.get({ ...bucket, region: 'lab' })).toBeUndefined()
  await buckets.delete(bucket, { withObjects: false })
  close()
})

test('a name that another intent has taken is a conflict', async () => {
  const { buckets, close } = await openStorage()
  const request = wishes()
  const bucket = await buckets.create(request)
  await expect(buckets.create(wishes({ name: request.name }))).rejects.toMatchObject({
    code: 'conflict',
    remedy: expect.stringContaining('name') as string,
  })
  await buckets.delete(bucket, { withObjects: false })
  close()
})

test('a service that has no settings of a bucket but its tags serves all the same, and the truth is told', async () => {
  const { buckets, close } = await openStorage()
  for (const operation of [
    'PutPublicAccessBlock',
    'PutBucketEncryption',
    'GetBucketEncryption',
    'GetPublicAccessBlock',
    'GetBucketPolicyStatus',
  ])
    service.inject({ operation, mode: 'error', code: 'NotImplemented', status: 501, times: 50 })
  try {
    const bucket = await buckets.create(wishes())
    expect(await buckets.get(bucket)).toMatchObject({ encrypted: false, access: 'private' })
    await expect(buckets.create({ ...wishes(), encryption: {} })).rejects.toMatchObject({
      vendorCode: 'NotImplemented',
    })
  } finally {
    service.clearFaults()
    close()
  }
})

test('a bucket whose creation was cut off before its tags is taken up', async () => {
  const { buckets, close } = await openStorage()
  const request = wishes()
  service.inject({
    operation: 'PutBucketTagging',
    mode: 'error',
    code: 'ServiceUnavailable',
    status: 503,
    times: 50,
  })
  await expect(buckets.create(request)).rejects.toMatchObject({ retryable: true })
  service.clearFaults()
  const bucket = await buckets.create(request)
  expect((await buckets.get(bucket))?.tags).toMatchObject(owner)
  close()
})

test('without keys the registration is told what it needs', async () => {
  const site = await openSiteOfTest({ options: { object_store: { endpoint: service.url } } })
  const { buckets } = createObjectStorage(site)
  await expect(buckets.get({ region: 'lab', id: 'any' })).rejects.toMatchObject({
    code: 'invalid_request',
    remedy: expect.stringContaining('s3_access_key_id') as string,
  })
})
