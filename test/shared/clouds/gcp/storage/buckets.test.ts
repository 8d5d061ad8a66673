import { randomUUID } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { makePublic } from '#test/shared/clouds/gcp/public.ts'
import { inPieces, openParts } from '#test/shared/clouds/gcp/parts.ts'
import { settingsFor } from '#test/shared/clouds/gcp/subject.ts'

const region = 'us-central1'
const wishes = (name: string, tags = {}) => ({
  token: randomUUID(),
  tags: { 'novacron-tenant': 'acme', 'novacron-job': 'job_1', 'novacron-step': 'test', ...tags },
  region,
  name,
  versioning: false,
  lifecycle: [],
})

describe('buckets of Cloud Storage', () => {
  test('a bucket deleted with its objects takes old versions with it', async () => {
    const { storage, loopback } = await openParts()
    const { buckets, objects } = storage.facet
    const bucket = await buckets.create({ ...wishes('acme-versions'), versioning: true })
    for (let turn = 0; turn < 3; turn++)
      await objects.write(bucket, { key: 'a', sizeBytes: 1, body: inPieces(Buffer.from('x')) })
    await objects.delete(bucket, 'a')
    expect(await Array.fromAsync(objects.list(bucket, { prefix: '' }))).toEqual([])
    await expect(buckets.delete(bucket, { withObjects: false })).rejects.toMatchObject({
      code: 'conflict',
      remedy: expect.stringContaining('old versions') as string,
    })
    await buckets.delete(bucket, { withObjects: true })
    expect(loopback.residue().filter(({ kind }) => kind === 'bucket')).toEqual([])
  })

  test('tags of any kind are kept, and what only we need is not shown', async () => {
    const { storage } = await openParts()
    const { buckets } = storage.facet
    const lifecycle = [{ id: 'Alte Logs!', prefix: 'logs/', expireAfterDays: 3 }]
    const bucket = await buckets.create({ ...wishes('acme-tags', { 'Cost Center': '4711/B' }), lifecycle })
    expect(await buckets.get(bucket)).toMatchObject({
      lifecycle,
      tags: {
        'novacron-tenant': 'acme',
        'novacron-job': 'job_1',
        'novacron-step': 'test',
        'Cost Center': '4711/B',
      },
    })
  })

  test('the same intent finds its bucket again, another is told that the name is taken', async () => {
    const { storage } = await openParts()
    const { buckets } = storage.facet
    const intent = wishes('acme-once')
    expect(await buckets.create(intent)).toEqual(await buckets.create(intent))
    await expect(buckets.create(wishes('acme-once'))).rejects.toMatchObject({
      code: 'conflict',
      kind: 'permanent',
    })
    await expect(buckets.create(wishes('taken-by-somebody-else'))).rejects.toMatchObject({
      code: 'conflict',
      kind: 'permanent',
      details: { field: 'name' },
    })
  })

  test('a list tells who may read each, asking only where it is not prevented', async () => {
    const { storage, loopback } = await openParts()
    const { buckets } = storage.facet
    const [closed, open] = [
      await buckets.create(wishes('acme-closed')),
      await buckets.create(wishes('acme-open')),
    ]
    await makePublic(settingsFor(loopback))(open)
    loopback.clearCalls()
    const listed = await Array.fromAsync(buckets.list({ region }))
    expect(listed.map(({ id, access }) => [id, access])).toEqual([
      [closed.id, 'blocked'],
      [open.id, 'public'],
    ])
    expect(loopback.calls().map(({ operation }) => operation)).toEqual([
      'storage.buckets.list',
      'storage.buckets.getIamPolicy',
    ])
    expect(await Array.fromAsync(buckets.list({ region: 'europe-west1' }))).toEqual([])
  })

  test('rules that somebody else sets in the meantime are not written over', async () => {
    const { storage, loopback, gcp } = await openParts()
    const { buckets } = storage.facet
    const bucket = await buckets.create(wishes('acme-race'))
    loopback.inject({ operation: 'storage.buckets.patch', mode: 'delay', delayMs: 500 })
    const slow = buckets.setLifecycle(bucket, [{ id: 'slow', prefix: '', expireAfterDays: 1 }])
    await expect
      .poll(() => loopback.calls().at(-1)?.operation, { timeout: 10_000, interval: 5 })
      .toBe('storage.buckets.patch')
    await gcp.rest('storage.buckets.patch', {
      method: 'PATCH',
      service: 'storage',
      path: '/storage/v1/b/acme-race',
      body: { lifecycle: { rule: [{ action: { type: 'Delete' }, condition: { age: 9 } }] } },
    })
    await expect(slow).rejects.toMatchObject({ code: 'conflict', retryable: true })
    expect((await buckets.get(bucket))?.lifecycle).toEqual([{ id: 'rule-0', prefix: '', expireAfterDays: 9 }])
  })
})
