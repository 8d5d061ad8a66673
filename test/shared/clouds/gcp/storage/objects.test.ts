import { createHash, randomBytes } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { withCallScope } from '#shared/clouds/scope.ts'
import { gather, inPieces, openParts } from '#test/shared/clouds/gcp/parts.ts'

const mebibyte = 2 ** 20
const intent = {
  token: '0198f6d2-0000-7000-8000-000000000001',
  tags: { 'novacron-tenant': 'acme', 'novacron-job': 'job_1', 'novacron-step': 'test' },
}

async function withBucket() {
  const parts = await openParts()
  await parts.storage.facet.buckets.create({
    ...intent,
    region: 'us-central1',
    name: 'acme-data',
    versioning: false,
    lifecycle: [],
  })
  return { ...parts, bucket: 'acme-data', objects: parts.storage.objects }
}

describe('objects of Cloud Storage', () => {
  test('bytes come back as they were sent, in one request or in pieces, whole or in part', async () => {
    const { objects, bucket } = await withBucket()
    const data = randomBytes(9 * mebibyte + 12_345)
    const small = await objects.put(bucket, 'a b/ü?#.bin', data.subarray(0, 1000), {
      metadata: { made: 'here' },
    })
    expect(small).toMatchObject({ key: 'a b/ü?#.bin', sizeBytes: 1000, metadata: { made: 'here' } })
    const large = await objects.write(bucket, { key: 'large', sizeBytes: data.length, body: inPieces(data) })
    expect(large.md5).toBe(createHash('md5').update(data).digest('base64'))
    expect((await gather(objects.read(bucket, 'large'))).equals(data)).toBe(true)
    expect(
      (await objects.readRange(bucket, 'large', 9_000_000, 77)).equals(data.subarray(9_000_000, 9_000_077)),
    ).toBe(true)
    expect(
      (await gather(objects.read(bucket, 'a b/ü?#.bin', { offset: 990 }))).equals(data.subarray(990, 1000)),
    ).toBe(true)
    await objects.write(bucket, { key: 'empty', sizeBytes: 0, body: inPieces(Buffer.alloc(0)) })
    expect(await gather(objects.read(bucket, 'empty'))).toHaveLength(0)
    expect(await objects.stat(bucket, 'nothing')).toBeUndefined()
  })

  test('composed objects are their sources one after the other, checked by CRC32C', async () => {
    const { objects, bucket } = await withBucket()
    const pieces = Array.from({ length: 32 }, () => randomBytes(5000))
    for (const [index, piece] of pieces.entries()) await objects.put(bucket, `piece-${index}`, piece)
    const made = await objects.compose(
      bucket,
      'whole',
      pieces.map((_, index) => `piece-${index}`),
      { metadata: { of: '32' } },
    )
    expect(made).toMatchObject({ sizeBytes: 160_000, metadata: { of: '32' } })
    expect(made.md5).toBeUndefined()
    expect((await gather(objects.read(bucket, 'whole'))).equals(Buffer.concat(pieces))).toBe(true)
    const tooMany = Array.from({ length: 33 }, () => 'piece-0')
    await expect(objects.compose(bucket, 'more', tooMany)).rejects.toMatchObject({ code: 'invalid_request' })
  })

  test.for(['put', 'write'] as const)(
    'a lost reply to %s leaves one object with the right bytes',
    async (way) => {
      const { objects, bucket, loopback } = await withBucket()
      const data = randomBytes(way === 'put' ? 100_000 : 9 * mebibyte)
      for (const skip of [0, 1, 2]) {
        loopback.inject({ operation: 'storage.objects.insert', mode: 'drop_reply', skip })
        const send = () =>
          way === 'put'
            ? objects.put(bucket, 'x', data)
            : objects.write(bucket, { key: 'x', sizeBytes: data.length, body: inPieces(data) })
        await send().catch(send)
        loopback.clearFaults()
        expect((await gather(objects.read(bucket, 'x'))).equals(data)).toBe(true)
      }
      expect(await Array.fromAsync(objects.list(bucket, ''))).toHaveLength(1)
    },
  )

  test('bytes that change on the way down, or after they were checked on the way up, are noticed', async () => {
    const { objects, bucket, loopback } = await withBucket()
    await objects.put(bucket, 'x', randomBytes(100_000))
    loopback.inject({ operation: 'storage.objects.get', mode: 'corrupt_read' })
    await expect(gather(objects.read(bucket, 'x'))).rejects.toMatchObject({
      code: 'integrity',
      retryable: true,
    })
    loopback.inject({ operation: 'storage.objects.insert', mode: 'corrupt_stored' })
    await objects.put(bucket, 'y', randomBytes(100_000))
    await expect(gather(objects.read(bucket, 'y'))).rejects.toMatchObject({ code: 'integrity' })
  })

  test('a download that breaks goes on where it broke', async () => {
    const { objects, bucket, loopback } = await withBucket()
    const data = randomBytes(3 * mebibyte)
    await objects.put(bucket, 'x', data)
    loopback.inject({ operation: 'storage.objects.get', mode: 'drop_reply', times: 2 })
    expect((await gather(objects.read(bucket, 'x'))).equals(data)).toBe(true)
  })

  test('lists go over all pages', async () => {
    const { storage, loopback } = await openParts({ pageLimit: 3 })
    await storage.facet.buckets.create({
      ...intent,
      region: 'us-central1',
      name: 'acme-many',
      versioning: false,
      lifecycle: [],
    })
    for (let index = 0; index < 11; index++)
      await storage.objects.put('acme-many', `n/${index}`, Buffer.from('x'))
    const keys = (await Array.fromAsync(storage.objects.list('acme-many', 'n/'))).map(({ key }) => key)
    expect(new Set(keys).size).toBe(11)
    expect(loopback.calls().filter(({ operation }) => operation === 'storage.objects.list')).toHaveLength(4)
  })

  test('a cancelled step sends nothing more, whether the SDK makes the request or not', async () => {
    const { objects, bucket, loopback } = await withBucket()
    const abort = new AbortController()
    const refusal = new Error('not the holder')
    const scope = {
      signal: abort.signal,
      beforeCall: () => {
        throw refusal
      },
    }
    const before = loopback.calls().length
    const calls: (() => Promise<unknown>)[] = [
      () => objects.stat(bucket, 'x'),
      () => objects.put(bucket, 'x', Buffer.from('x')),
      () => gather(objects.read(bucket, 'x')),
    ]
    for (const call of calls) await expect(withCallScope(scope, call)).rejects.toBe(refusal)
    expect(loopback.calls()).toHaveLength(before)
    expect(await objects.stat(bucket, 'x')).toBeUndefined()
  })
})
