import { afterAll, describe, expect, test } from 'vitest'
import type { CloudRef, LifecycleRule } from '#shared/clouds/port.ts'
import { intentOf, newJob, removeAll, until, type Subject } from '#test/shared/clouds/conformance/subject.ts'
import { listedAs, makeBucket } from '#test/shared/clouds/conformance/things.ts'

const logs: LifecycleRule = {
  id: 'logs',
  prefix: 'logs/',
  coolAfterDays: 30,
  archiveAfterDays: 90,
  expireAfterDays: 365,
}
const scratch: LifecycleRule = { id: 'scratch', prefix: 'tmp/', expireAfterDays: 7 }

/** Buckets. `subject` is filled before the tests run. */
export function buckets(subject: Subject): void {
  describe('buckets', () => {
    const job = newJob()
    afterAll(() => removeAll(subject, job))

    const lifecycleOf = async (bucket: CloudRef) => {
      const { lifecycle = [] } = (await subject.cloud.storage.buckets.get(bucket)) ?? {}
      return termsOf(lifecycle)
    }

    test('a bucket is encrypted, cannot be made public, keeps its lifecycle, and is listed once', async () => {
      const { cloud, region } = subject
      const intent = intentOf(job)
      const wishes = { region, versioning: true, lifecycle: [logs, scratch] }
      const bucket = await cloud.storage.buckets.create({ ...intent, ...wishes, name: `nc-${intent.token}` })
      const described = await cloud.storage.buckets.get(bucket)
      expect(described).toMatchObject({
        region,
        id: bucket.id,
        encrypted: true,
        access: 'blocked',
        versioning: true,
        tags: { 'novacron-job': job },
      })
      expect(termsOf(described?.lifecycle ?? [])).toEqual(termsOf([logs, scratch]))
      expect(new Set(described?.lifecycle.map(({ id }) => id)).size).toBe(2)
      expect(await listedAs(bucket, () => cloud.storage.buckets.list({ region }))).toEqual([described])
    })

    test('its lifecycle is made exactly what is set, and nothing', async () => {
      const { buckets: own } = subject.cloud.storage
      const bucket = await makeBucket(subject, intentOf(job))
      expect(await lifecycleOf(bucket)).toEqual([])
      await own.setLifecycle(bucket, [logs, { ...scratch, prefix: '' }])
      expect(await lifecycleOf(bucket)).toEqual(termsOf([logs, { ...scratch, prefix: '' }]))
      await own.setLifecycle(bucket, [scratch])
      expect(await lifecycleOf(bucket)).toEqual(termsOf([scratch]))
      await own.setLifecycle(bucket, [])
      expect(await lifecycleOf(bucket)).toEqual([])
    })

    test('a bucket that holds objects is deleted only with them, and again is fine', async () => {
      const { buckets: own, objects } = subject.cloud.storage
      const bucket = await makeBucket(subject, intentOf(job))
      for (const key of ['a', 'b/c']) {
        await objects.write(bucket, { key, sizeBytes: 3, body: once(Buffer.from('abc')) })
      }
      await expect(own.delete(bucket, { withObjects: false })).rejects.toMatchObject({
        code: 'conflict',
        retryable: false,
      })
      expect(await own.get(bucket)).toBeDefined()
      await own.delete(bucket, { withObjects: true })
      await own.delete(bucket, { withObjects: true })
      await until('the bucket to be gone', async () => (await own.get(bucket)) === undefined)
    })

    test('a name that another intent has taken is a conflict that says what to do', async () => {
      const intent = intentOf(job)
      const name = `nc-${intent.token}`
      await makeBucket(subject, intent, name)
      await expect(makeBucket(subject, intentOf(job), name)).rejects.toMatchObject({
        code: 'conflict',
        remedy: expect.stringMatching(/name/i) as string,
      })
    })
  })
}

/** Rules without their ids, which not every cloud keeps, in order. */
const termsOf = (rules: readonly LifecycleRule[]) =>
  rules
    .map(({ prefix, coolAfterDays, archiveAfterDays, expireAfterDays }) => ({
      prefix,
      coolAfterDays,
      archiveAfterDays,
      expireAfterDays,
    }))
    .toSorted((a, b) => a.prefix.localeCompare(b.prefix))

async function* once(data: Buffer) {
  yield await Promise.resolve(data)
}
