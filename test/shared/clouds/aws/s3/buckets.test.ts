import { beforeEach, describe, expect, test } from 'vitest'
import { rawS3 } from '#test/shared/clouds/aws/make-public.ts'
import { openSubject } from '#test/shared/clouds/aws/subject.ts'
import { intentOf, newJob } from '#test/shared/clouds/conformance/subject.ts'
import { useSubject } from '#test/shared/clouds/use-subject.ts'

const subject = useSubject(openSubject)
beforeEach(() => subject.loopback.clearFaults())

const wishes = (name: string, job = newJob()) => ({
  ...intentOf(job),
  region: subject.region,
  name,
  versioning: true,
  lifecycle: [{ id: 'old', prefix: 'logs/', coolAfterDays: 30, archiveAfterDays: 90, expireAfterDays: 400 }],
})

describe('a bucket', () => {
  test.for([
    'PutPublicAccessBlock',
    'PutBucketEncryption',
    'PutBucketVersioning',
    'PutBucketLifecycleConfiguration',
  ])('whose creation died at %s is finished by the retry', async (operation) => {
    const { buckets } = subject.cloud.storage
    const request = wishes(`nc-died-${operation.toLowerCase()}`)
    subject.loopback.inject({ operation, mode: 'error', code: 'AccessDenied', status: 403 })
    await expect(buckets.create(request)).rejects.toMatchObject({ code: 'forbidden', operation })
    const ref = await buckets.create(request)
    expect(await buckets.get(ref)).toMatchObject({
      encrypted: true,
      access: 'blocked',
      versioning: true,
      lifecycle: request.lifecycle,
    })
  })

  test('that another intent made is not taken for ours, also where S3 answers its creation with success', async () => {
    const { buckets } = subject.cloud.storage
    for (const region of ['us-east-1', 'eu-west-1']) {
      const request = { ...wishes(`nc-others-${region}`), region }
      await buckets.create(request)
      await expect(buckets.create({ ...request, ...intentOf(newJob()) })).rejects.toMatchObject({
        code: 'conflict',
        kind: 'permanent',
      })
    }
  })

  test('whose name another account has is a conflict that says so', async () => {
    await expect(
      subject.cloud.storage.buckets.create(wishes('taken-by-somebody-else')),
    ).rejects.toMatchObject({
      code: 'conflict',
      vendorCode: 'BucketAlreadyExists',
      requestId: expect.any(String) as string,
    })
  })

  test('lives in the region that was asked for, and is told there alone', async () => {
    const { buckets } = subject.cloud.storage
    await buckets.create({ ...wishes('nc-in-ireland'), region: 'eu-west-1' })
    const names = async (region: string) =>
      (await Array.fromAsync(buckets.list({ region }))).map(({ name }) => name)
    expect(await names('eu-west-1')).toContain('nc-in-ireland')
    expect(await names('us-east-1')).not.toContain('nc-in-ireland')
  })

  test('with a key of the user’s keeps it, and checks see that the key is the user’s', async () => {
    const keyId = 'arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab'
    const { buckets } = subject.cloud.storage
    const ref = await buckets.create({ ...wishes('nc-own-key'), encryption: { keyId } })
    expect(await buckets.get(ref)).toMatchObject({ encrypted: true, keyId })
    const all = await Array.fromAsync(subject.cloud.posture.inventory({ region: subject.region }))
    expect(all.find(({ id }) => id === ref.id)).toMatchObject({ kind: 'bucket', customerKey: true })
  })

  test('is deleted with all versions of its objects and the markers of deleted ones', async () => {
    const { buckets, objects } = subject.cloud.storage
    const ref = await buckets.create(wishes('nc-versions'))
    for (const text of ['one', 'two']) {
      const body = (async function* () {
        yield await Promise.resolve(Buffer.from(text))
      })()
      await objects.write(ref, { key: 'a', sizeBytes: 3, body })
    }
    await objects.delete(ref, 'a')
    expect(await Array.fromAsync(objects.list(ref, { prefix: '' }))).toEqual([])
    await expect(buckets.delete(ref, { withObjects: false })).rejects.toMatchObject({
      code: 'conflict',
      vendorCode: 'BucketNotEmpty',
    })
    await buckets.delete(ref, { withObjects: true })
    expect(await buckets.get(ref)).toBeUndefined()
  })

  test('shows rules of others as far as they go by prefix and age', async () => {
    const ref = await subject.cloud.storage.buckets.create({ ...wishes('nc-rules'), lifecycle: [] })
    const s3 = rawS3(subject.loopback, subject.region)
    await s3.putBucketLifecycleConfiguration({
      Bucket: ref.id,
      LifecycleConfiguration: {
        Rules: [
          { ID: 'off', Status: 'Disabled', Filter: { Prefix: 'a/' }, Expiration: { Days: 3 } },
          {
            ID: 'deep',
            Status: 'Enabled',
            Filter: {},
            Transitions: [{ Days: 40, StorageClass: 'DEEP_ARCHIVE' }],
          },
        ],
      },
    })
    s3.destroy()
    const { lifecycle } = (await subject.cloud.storage.buckets.get(ref)) ?? {}
    expect(lifecycle).toEqual([{ id: 'deep', prefix: '', archiveAfterDays: 40 }])
  })
})
