import { expect, test } from 'vitest'
import type { World } from '#test/workers/resources/world.ts'

/** Buckets, through the API and to a cloud. */
export function bucketSuite(current: () => World): void {
  test('a bucket is made private and encrypted, gets its lifecycle, and is deleted', async () => {
    const world = current()
    const old = { id: 'old', prefix: 'logs/', expire_after_days: 30 }
    const made = await world.post('/buckets', {
      provider_id: 'cloud-1',
      name: 'acme-logs',
      lifecycle: [old],
    })
    expect(made.body).toMatchObject({
      job: { state: 'succeeded' },
      bucket: { state: 'available', encrypted: true, lifecycle: [old] },
    })
    expect(made.body['bucket']?.['access']).not.toBe('public')
    const path = `/buckets/${String(made.body['bucket']?.['id'])}`
    const cool = { id: 'cool', prefix: '', cool_after_days: 30, expire_after_days: 365 }
    expect((await world.put(`${path}/lifecycle`, { lifecycle: [cool] })).body).toMatchObject({
      job: { state: 'succeeded' },
      bucket: { lifecycle: [cool] },
    })
    expect((await world.delete(path)).body).toMatchObject({ bucket: { state: 'deleted' } })
    expect(world.residueOf(made.body['job']?.['id'])).toEqual([])
  })
}
