import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { DiskError } from '#shared/disks/errors.ts'
import type { Extent } from '#shared/disks/port.ts'
import { contentDigest, verifyDisk } from '#shared/disks/verify.ts'
import { copy, disk, full } from './copying.ts'
import { memoryJournal, memorySink, memorySource, type Hooks } from './memory.ts'

/** Random extents in order, aligned to nothing. */
const layouts = fc
  .record({
    sizeBytes: fc.integer({ min: 1, max: 40_000 }),
    runs: fc.array(fc.tuple(fc.integer({ min: 0, max: 6000 }), fc.integer({ min: 1, max: 9000 })), {
      maxLength: 12,
    }),
  })
  .map(({ sizeBytes, runs }) => {
    const extents: Extent[] = []
    let at = 0
    for (const [gap, length] of runs) {
      const offset = at + gap
      if (offset >= sizeBytes) break
      extents.push({ offset, length: Math.min(length, sizeBytes - offset) })
      at = offset + length
    }
    return { sizeBytes, extents }
  })

const geometry = fc.record({
  sourceGranule: fc.constantFrom(1, 512, 1024),
  sinkGranule: fc.constantFrom(1, 512, 2048),
  sourceChunk: fc.constantFrom(1024, 2048, 4096),
  sinkChunk: fc.constantFrom(2048, 4096, 8192),
  larger: fc.constantFrom(0, 0, 2048, 10_240),
  zeroed: fc.boolean(),
  slots: fc.integer({ min: 1, max: 9 }),
})

test('any disk arrives byte for byte, whatever its extents, both granularities and chunk sizes, and its digest is the destination’s', async () => {
  await fc.assert(
    fc.asyncProperty(layouts, geometry, async ({ sizeBytes, extents }, g) => {
      const bytes = disk(sizeBytes, extents)
      const source = memorySource(bytes, extents, {
        granularityBytes: g.sourceGranule,
        preferredChunkBytes: g.sourceChunk,
      })
      const sinkSize = g.larger === 0 ? sizeBytes : Math.ceil(sizeBytes / 2048) * 2048 + g.larger
      const sink = memorySink(sinkSize, {
        zeroed: g.zeroed,
        granularityBytes: g.sinkGranule,
        preferredChunkBytes: g.sinkChunk,
      })
      const journal = memoryJournal()
      const seen: number[] = []
      const result = await copy({
        source,
        sink,
        journal,
        slots: g.slots,
        onProgress: (done, total) => {
          expect(done).toBeGreaterThanOrEqual(seen.at(-1) ?? 0)
          expect(done).toBeLessThanOrEqual(total)
          seen.push(done)
        },
      })

      expect(sink.bytes.subarray(0, sizeBytes).equals(bytes)).toBe(true)
      expect(sink.bytes.subarray(sizeBytes).every((byte) => byte === 0)).toBe(true)
      expect(sink.flushed).toBe(true)
      expect(seen.at(-1)).toBe(result.bytesTotal)
      expect(result.bytesWritten + result.bytesZeroSkipped).toBe(result.bytesTotal)
      expect(new Set(sink.writes.map(({ offset }) => offset)).size).toBe(sink.writes.length)
      expect(Math.max(source.inFlight.most, sink.inFlight.most)).toBeLessThanOrEqual(g.slots)

      const { signal } = new AbortController()
      const verified = await verifyDisk({
        source: sink.readBack(),
        manifest: result.manifest,
        slots: 3,
        signal,
      })
      expect(verified.mismatches).toEqual([])
      expect(verified.digest).toBe(await contentDigest(result.manifest))
    }),
    { numRuns: 150 },
  )
})

test('zeros are skipped only where the sink is known to be zeroed', async () => {
  const extents = [{ offset: 0, length: 16_384 }]
  const bytes = Buffer.alloc(65_536)
  bytes.fill(7, 0, 4096)
  const zeroed = memorySink(bytes.length, { zeroed: true })
  const rubbish = memorySink(bytes.length, { zeroed: false })

  const skipping = await copy({
    source: memorySource(bytes, extents),
    sink: zeroed,
    journal: memoryJournal(),
  })
  const source = memorySource(bytes, extents)
  const writing = await copy({ source, sink: rubbish, journal: memoryJournal() })

  expect(zeroed.writes).toEqual([{ offset: 0, length: 4096 }])
  expect(skipping).toMatchObject({ bytesTotal: 16_384, bytesWritten: 4096, bytesZeroSkipped: 12_288 })
  expect(rubbish.bytes.equals(bytes)).toBe(true)
  expect(writing).toMatchObject({ bytesTotal: 65_536, bytesWritten: 65_536, bytesZeroSkipped: 0 })
  expect(
    source.reads.reduce((sum, { length }) => sum + length, 0),
    'holes are not read',
  ).toBe(16_384)
})

describe('checksums', () => {
  const bytes = disk(32_768, full(32_768), 9)
  const flip = (times: number): NonNullable<Hooks['onRead']> => {
    let left = times
    return ({ offset }, data) => {
      if (offset !== 8192 || left-- <= 0) return
      data.writeUInt8(data.readUInt8(5) ^ 1, 5)
      throw new DiskError('the block has another checksum', { code: 'integrity', kind: 'retryable' })
    }
  }

  test('a byte flipped while reading is read again', async () => {
    const sink = memorySink(bytes.length, { zeroed: true })
    const source = memorySource(bytes, full(bytes.length), { onRead: flip(2) })
    const result = await copy({ source, sink, journal: memoryJournal() })
    expect(sink.bytes.equals(bytes)).toBe(true)
    expect(result.integrityRetries).toBe(2)
  })

  test('a byte flipped on its way to the sink is sent again', async () => {
    let left = 3
    const onWrite: Hooks['onWrite'] = ({ offset, data }) => {
      if (offset === 12_288 && left-- > 0) data.writeUInt8(data.readUInt8(1000) ^ 0x10, 1000)
    }
    const sink = memorySink(bytes.length, { zeroed: true, onWrite })
    const result = await copy({
      source: memorySource(bytes, full(bytes.length)),
      sink,
      journal: memoryJournal(),
    })
    expect(sink.bytes.equals(bytes)).toBe(true)
    expect(result.integrityRetries).toBe(3)
  })

  test.each(['read', 'write'] as const)(
    'a %s that fails its checksum every time fails the copy, clearly',
    async (path) => {
      const onWrite: Hooks['onWrite'] = ({ data }) => void data.writeUInt8(data.readUInt8(0) ^ 1, 0)
      const sink = memorySink(bytes.length, { zeroed: true, ...(path === 'write' && { onWrite }) })
      const source = memorySource(bytes, full(bytes.length), {
        ...(path === 'read' && { onRead: flip(Infinity) }),
      })
      const journal = memoryJournal()
      const failing = copy({ source, sink, journal, integrityAttempts: 3 })
      await expect(failing).rejects.toMatchObject({ code: 'integrity', retryable: true })
      const tries = path === 'read' ? 3 : 1
      expect(source.reads.filter(({ offset }) => offset === 8192).length).toBeGreaterThanOrEqual(tries)
      expect(journal.chunks.has(2), 'what failed is not in the journal').toBe(false)
    },
  )

  test('a source that gives fewer bytes than asked for is not believed', async () => {
    const source = memorySource(bytes, full(bytes.length))
    const short = { ...source, read: async () => Buffer.alloc(4095, 1) }
    const sink = memorySink(bytes.length, { zeroed: true })
    const copying = copy({ source: short, sink, journal: memoryJournal() })
    await expect(copying).rejects.toMatchObject({ code: 'short_read', retryable: true })
    expect(sink.writes).toEqual([])
  })

  test('any other error goes up as it came, at the first time', async () => {
    const refused = new DiskError('no', { code: 'forbidden' })
    const onRead = (): never => {
      throw refused
    }
    const source = memorySource(bytes, full(bytes.length), { onRead })
    const sink = memorySink(bytes.length, { zeroed: true })
    await expect(copy({ source, sink, journal: memoryJournal(), slots: 1 })).rejects.toBe(refused)
    expect(source.reads).toHaveLength(1)
  })
})

describe('refusals', () => {
  const bytes = disk(16_384, full(16_384))
  const start = (extents: Extent[], sinkSize = bytes.length, chunkBytes?: number) =>
    copy({
      source: memorySource(bytes, extents, { granularityBytes: 512 }),
      sink: memorySink(sinkSize, { zeroed: true }),
      journal: memoryJournal(),
      ...(chunkBytes !== undefined && { chunkBytes }),
    })

  test.each([
    [
      'overlap',
      [
        { offset: 0, length: 1024 },
        { offset: 512, length: 1024 },
      ],
    ],
    [
      'go backwards',
      [
        { offset: 4096, length: 512 },
        { offset: 0, length: 512 },
      ],
    ],
    ['leave the disk', [{ offset: 16_000, length: 1024 }]],
    ['are empty', [{ offset: 0, length: 0 }]],
    ['are not whole numbers', [{ offset: 0.5, length: 512 }]],
  ])('extents that %s are refused: bytes would be missed', async (_, extents) => {
    await expect(start(extents)).rejects.toMatchObject({ code: 'bad_extent' })
  })

  test('a destination that is too small is refused before anything is written', async () => {
    await expect(start(full(bytes.length), bytes.length - 1)).rejects.toMatchObject({ code: 'size_mismatch' })
  })

  test('a chunk size that does not fit both ends is refused', async () => {
    await expect(start(full(bytes.length), bytes.length, 1000)).rejects.toMatchObject({
      code: 'bad_chunk_size',
    })
  })
})
