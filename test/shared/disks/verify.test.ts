import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { copyDisk } from '#shared/disks/copy.ts'
import { DiskError } from '#shared/disks/errors.ts'
import { contentDigest, repairChunks, verifyDisk } from '#shared/disks/verify.ts'
import { allocatedIn, memoryJournal, memorySink, memorySource, type MemorySink } from './memory.ts'

const { signal } = new AbortController()
const sizeBytes = 50_000
const data = Buffer.alloc(sizeBytes)
for (let at = 9000; at < 30_000; at++) data[at] = (at * 31) % 251
const extents = allocatedIn(data)

const copied = async (sinkBytes = sizeBytes) => {
  const journal = memoryJournal()
  const sink = memorySink(sinkBytes, { zeroed: true })
  const source = memorySource(data, extents)
  const { manifest } = await copyDisk({ source, sink, journal, slots: 4, signal })
  return { journal, sink, manifest, source }
}

const check = ({ sink, manifest }: { sink: MemorySink; manifest: Parameters<typeof contentDigest>[0] }) =>
  verifyDisk({ source: sink.readBack(), manifest, slots: 4, signal })

test('the digest is SHA-256 over size, chunk size, and offset and digest of each chunk that is not zero', async () => {
  const { manifest } = await copied()
  const u64 = (value: number): Buffer => {
    const bytes = Buffer.alloc(8)
    bytes.writeBigUInt64BE(BigInt(value))
    return bytes
  }
  const all = createHash('sha256').update(u64(sizeBytes)).update(u64(4096))
  for (let offset = 0; offset < sizeBytes; offset += 4096) {
    const chunk = data.subarray(offset, offset + 4096)
    if (chunk.some((byte) => byte !== 0))
      all.update(u64(offset)).update(createHash('sha256').update(chunk).digest())
  }
  expect(await contentDigest(manifest)).toBe(`sha256:${all.digest('hex')}`)
})

test('the digest does not depend on what is allocated', async () => {
  const sparse = await copied()
  const journal = memoryJournal()
  const dense = memorySink(sizeBytes, { zeroed: false })
  const source = memorySource(data, [{ offset: 0, length: sizeBytes }])
  const { manifest } = await copyDisk({ source, sink: dense, journal, slots: 2, signal })
  expect(await contentDigest(manifest)).toBe(await contentDigest(sparse.manifest))
  const everything = memorySource(dense.bytes, [{ offset: 0, length: sizeBytes }])
  const verified = await verifyDisk({ source: everything, manifest: sparse.manifest, slots: 4, signal })
  expect(verified).toMatchObject({ mismatches: [], digest: await contentDigest(sparse.manifest) })
})

test('one changed byte anywhere at the destination is found, inside and outside of what was copied', async () => {
  const done = await copied()
  const expected = await contentDigest(done.manifest)
  await fc.assert(
    fc.asyncProperty(fc.nat(sizeBytes - 1), fc.integer({ min: 1, max: 255 }), async (at, mask) => {
      const before = done.sink.bytes.readUInt8(at)
      done.sink.bytes.writeUInt8(before ^ mask, at)
      try {
        const { mismatches, mismatchedBytes, digest } = await check(done)
        expect(mismatches).toHaveLength(1)
        expect(mismatches[0]?.offset).toBe(Math.floor(at / 4096) * 4096)
        expect(mismatchedBytes).toBe(mismatches[0]?.length)
        expect(digest).not.toBe(expected)
      } finally {
        done.sink.bytes.writeUInt8(before, at)
      }
    }),
    { numRuns: 120 },
  )
  expect((await check(done)).digest).toBe(expected)
})

test('a chunk that the destination lost altogether is found without reading it', async () => {
  const done = await copied()
  done.sink.bytes.fill(0, 12_288, 20_480)
  const { mismatches } = await check(done)
  expect(mismatches).toEqual([{ offset: 12_288, length: 8192 }])
})

test('two swapped chunks are found', async () => {
  const done = await copied()
  const first = Buffer.from(done.sink.bytes.subarray(12_288, 16_384))
  done.sink.bytes.copyWithin(12_288, 20_480, 24_576)
  first.copy(done.sink.bytes, 20_480)
  expect((await check(done)).mismatches.map(({ offset }) => offset)).toEqual([12_288, 20_480])
})

test('a destination that is larger must be zero beyond what was copied', async () => {
  const done = await copied()
  const larger = Buffer.concat([done.sink.bytes, Buffer.alloc(10_000)])
  const readBack = () => memorySource(larger, [{ offset: 0, length: larger.length }])
  const verify = () => verifyDisk({ source: readBack(), manifest: done.manifest, slots: 3, signal })
  expect(await verify()).toMatchObject({ mismatches: [], digest: await contentDigest(done.manifest) })
  larger[sizeBytes + 10] = 1
  expect((await verify()).mismatches).toEqual([{ offset: sizeBytes, length: 53_248 - sizeBytes }])
  larger[sizeBytes + 10] = 0
  larger[larger.length - 1] = 1
  expect((await verify()).mismatches).toHaveLength(1)
})

test('the remainder of the last copied chunk must be zero on a larger destination, too', async () => {
  const full = Buffer.alloc(10_000, 'data')
  const journal = memoryJournal()
  const sink = memorySink(full.length, { zeroed: true })
  const source = memorySource(full, [{ offset: 0, length: full.length }])
  const { manifest } = await copyDisk({ source, sink, journal, slots: 2, signal })
  const larger = Buffer.concat([full, Buffer.alloc(5000)])
  const verify = () =>
    verifyDisk({ source: memorySource(larger, allocatedIn(larger)), manifest, slots: 2, signal })
  expect(await verify()).toMatchObject({ mismatches: [], digest: await contentDigest(manifest) })
  larger[10_001] = 1
  expect((await verify()).mismatches).toEqual([{ offset: 10_000, length: 2288 }])
})

test('a destination that is smaller is another disk', async () => {
  const { manifest } = await copied()
  const source = memorySource(data.subarray(0, 40_000), [])
  await expect(verifyDisk({ source, manifest, slots: 1, signal })).rejects.toMatchObject({
    code: 'size_mismatch',
  })
})

test('a byte that is wrong only in one reading is read again and not held against the disk', async () => {
  const done = await copied()
  let flips = 0
  const onRead = ({ offset }: { offset: number }, bytes: Buffer): void => {
    if (offset === 16_384 && flips++ === 0) bytes.writeUInt8(bytes.readUInt8(9) ^ 1, 9)
    if (offset === 20_480 && flips++ < 3)
      throw new DiskError('checksum', { code: 'integrity', kind: 'retryable' })
  }
  const source = done.sink.readBack({ onRead })
  const result = await verifyDisk({
    source,
    manifest: done.manifest,
    slots: 2,
    signal,
    integrityBackoffMs: 0,
  })
  expect(result).toMatchObject({ mismatches: [], digest: await contentDigest(done.manifest) })
  expect(flips).toBeGreaterThan(2)
})

test('progress of a verification only grows and ends at the whole', async () => {
  const done = await copied()
  const seen: [number, number][] = []
  const onProgress = (bytesDone: number, bytesTotal: number): void => void seen.push([bytesDone, bytesTotal])
  await verifyDisk({ source: done.sink.readBack(), manifest: done.manifest, slots: 4, signal, onProgress })
  expect(seen).toEqual(seen.toSorted(([a], [b]) => a - b))
  expect(seen.at(-1)?.[0]).toBe(seen.at(-1)?.[1])
})

describe('ending early', () => {
  test('an abort or a failure leaves no read in flight', async () => {
    const done = await copied()
    const failure = new DiskError('gone', { code: 'io', kind: 'retryable' })
    for (const how of ['abort', 'failure'] as const) {
      const controller = new AbortController()
      const onRead = async ({ offset }: { offset: number }): Promise<void> => {
        await new Promise((resolve) => setTimeout(resolve, offset % 7))
        if (offset !== 16_384) return
        if (how === 'failure') throw failure
        controller.abort(failure)
      }
      const source = done.sink.readBack({ onRead })
      const verifying = verifyDisk({ source, manifest: done.manifest, slots: 4, signal: controller.signal })
      await expect(verifying).rejects.toBe(failure)
      expect(source.inFlight.now).toBe(0)
      expect(source.inFlight.most).toBeLessThanOrEqual(4)
    }
  })
})

describe('repair', () => {
  test('what verification found is copied again, zeros included, and then the disks are identical', async () => {
    const done = await copied()
    done.sink.bytes[9500] = 255
    done.sink.bytes[45_000] = 1
    const { mismatches } = await check(done)
    expect(mismatches).toHaveLength(2)
    const { source, sink, journal } = done
    const before = sink.writes.length
    await repairChunks({ source, sink, journal, mismatches, slots: 2, signal })
    expect(
      sink.writes
        .slice(before)
        .map(({ offset }) => offset)
        .toSorted((a, b) => a - b),
    ).toEqual([8192, 40_960])
    expect(await check(done)).toMatchObject({
      mismatches: [],
      digest: await contentDigest(journal.manifest()),
    })
    expect(sink.bytes.equals(data)).toBe(true)
  })
})
