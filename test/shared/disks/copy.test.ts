import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { copyDisk, type CopyOptions } from '#shared/disks/copy.ts'
import { DiskError } from '#shared/disks/errors.ts'
import type { Extent } from '#shared/disks/port.ts'
import { contentDigest, verifyDisk } from '#shared/disks/verify.ts'
import {
  memoryJournal,
  memorySink,
  memorySource,
  type Hooks,
  type MemoryJournal,
  type MemorySink,
} from './memory.ts'

const copy = (options: Pick<CopyOptions, 'source' | 'sink' | 'journal'> & Partial<CopyOptions>) =>
  copyDisk({ slots: 4, signal: new AbortController().signal, integrityBackoffMs: 0, ...options })

/** A disk whose extents hold random bytes, or zeros where a block's number divides by three. */
const disk = (sizeBytes: number, extents: Extent[], seed = 1): Buffer => {
  const bytes = Buffer.alloc(sizeBytes)
  let state = seed
  for (const { offset, length } of extents)
    for (let at = offset; at < offset + length; at++) {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0
      if ((at >>> 9) % 3 !== 0) bytes[at] = state >>> 24
    }
  return bytes
}

const full = (sizeBytes: number): Extent[] => [{ offset: 0, length: sizeBytes }]

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
      if (path === 'read') expect(source.reads.filter(({ offset }) => offset === 8192)).toHaveLength(3)
      expect(journal.chunks.has(2), 'what failed is not in the journal').toBe(false)
    },
  )

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

describe('resuming', () => {
  const bytes = disk(64_000, full(64_000), 5)
  const chunks = Math.ceil(bytes.length / 4096)

  test.each([1, 3, 8])(
    'after a crash at any chunk boundary the rest is copied and at most one chunk per slot again (%i slots)',
    async (slots) => {
      for (let crashAt = 0; crashAt < chunks; crashAt++) {
        const { journal, sink } = await crash(bytes, slots, crashAt)
        const durable = [...journal.chunks.keys()]
        const before = sink.writes.length
        const resumed = memorySink(bytes.length, { zeroed: true, bytes: sink.bytes })
        const source = memorySource(bytes, full(bytes.length))
        const first: number[] = []
        const onProgress = (done: number): void => void first.push(done)
        const result = await copy({ source, sink: resumed, journal, slots, onProgress })

        expect(resumed.bytes.equals(bytes)).toBe(true)
        expect(first[0], 'progress starts with what the journal has').toBe(result.bytesResumed)
        expect(result.bytesResumed).toBe(
          durable.reduce((sum, chunk) => sum + Math.min(4096, bytes.length - chunk * 4096), 0),
        )
        const rewritten = resumed.writes.filter(({ offset }) =>
          sink.writes.some((write) => write.offset === offset),
        )
        expect(rewritten.length).toBeLessThanOrEqual(slots)
        expect(before + resumed.writes.length - chunks).toBeLessThanOrEqual(slots)
        for (const { offset } of source.reads) expect(durable).not.toContain(offset / 4096)
      }
    },
  )

  test('a resumed copy keeps the chunk size that it began with', async () => {
    const { journal, sink } = await crash(bytes, 2, 5)
    const resumed = memorySink(bytes.length, { zeroed: true, bytes: sink.bytes, preferredChunkBytes: 1024 })
    const { manifest } = await copy({
      source: memorySource(bytes, full(bytes.length)),
      sink: resumed,
      journal,
    })
    expect(manifest.chunkBytes).toBe(4096)
    expect(resumed.bytes.equals(bytes)).toBe(true)
  })

  test('a journal of a disk of another size is refused', async () => {
    const { journal } = await crash(bytes, 2, 5)
    const other = Buffer.concat([bytes, bytes])
    const sink = memorySink(other.length, { zeroed: true })
    const resuming = copy({ source: memorySource(other, full(other.length)), sink, journal })
    await expect(resuming).rejects.toMatchObject({ code: 'journal_mismatch', kind: 'permanent' })
    expect(sink.writes).toEqual([])
  })

  /** Copies until `crashAt` chunks are in the journal; then nothing becomes durable any more, as if the process were gone. */
  const crash = async (
    content: Buffer,
    slots: number,
    crashAt: number,
  ): Promise<{ journal: MemoryJournal; sink: MemorySink }> => {
    const dead = new Error('crash')
    let crashed = false
    const journal: MemoryJournal = memoryJournal((list) => {
      crashed ||= journal.chunks.size + list.length > crashAt
      if (crashed) throw dead
    })
    const sink = memorySink(content.length, { zeroed: true })
    const source = memorySource(content, full(content.length))
    const failure: unknown = await copy({ source, sink, journal, slots }).catch((error: unknown) => error)
    expect(failure).toBe(dead)
    const revived = memoryJournal()
    await revived.open(await journal.open().then(({ header }) => header))
    for (const [chunk, digest] of journal.chunks) revived.chunks.set(chunk, digest)
    return { journal: revived, sink }
  }
})

describe('ending early', () => {
  const bytes = disk(200_000, full(200_000), 3)

  test('an abort rejects with its reason once nothing is in flight, and nothing happens afterwards', async () => {
    for (const after of [0, 1, 7, 20]) {
      const controller = new AbortController()
      const reason = new DiskError('cancelled by its owner', { code: 'cancelled', kind: 'cancelled' })
      let written = 0
      const onWrite = (): void => {
        if (written++ === after) controller.abort(reason)
      }
      const source = memorySource(bytes, full(bytes.length))
      const sink = memorySink(bytes.length, { zeroed: true, onWrite })
      const journal = memoryJournal()
      await expect(copy({ source, sink, journal, slots: 5, signal: controller.signal })).rejects.toBe(reason)
      const settled = [
        source.inFlight.now,
        sink.inFlight.now,
        source.reads.length,
        sink.writes.length,
        journal.chunks.size,
      ]
      expect(settled.slice(0, 2)).toEqual([0, 0])
      await new Promise((resolve) => setTimeout(resolve, 10))
      expect([
        source.inFlight.now,
        sink.inFlight.now,
        source.reads.length,
        sink.writes.length,
        journal.chunks.size,
      ]).toEqual(settled)
    }
  })

  test('after a failure the chunks under way are finished and journalled before the copy rejects', async () => {
    const failure = new DiskError('gone', { code: 'io', kind: 'retryable' })
    let writes = 0
    const onWrite = async ({ offset }: { offset: number }): Promise<void> => {
      if (offset === 8192) throw failure
      writes++
      await new Promise((resolve) => setTimeout(resolve, 15))
    }
    const sink = memorySink(bytes.length, { zeroed: true, onWrite })
    const journal = memoryJournal()
    const copying = copy({ source: memorySource(bytes, full(bytes.length)), sink, journal, slots: 4 })
    await expect(copying).rejects.toBe(failure)
    expect(sink.inFlight.now).toBe(0)
    expect(journal.chunks.size).toBe(writes)
    expect(writes).toBe(3)
  })

  test('a lost lease ends the copy as cancelled', async () => {
    const lost = new DiskError('taken over', { code: 'lease_lost', kind: 'cancelled' })
    const journal = memoryJournal(() => {
      throw lost
    })
    const sink = memorySink(bytes.length, { zeroed: true })
    await expect(copy({ source: memorySource(bytes, full(bytes.length)), sink, journal })).rejects.toBe(lost)
    expect(sink.writes.length).toBeLessThanOrEqual(4)
  })

  test('a back-off does not hold up an abort', async () => {
    const controller = new AbortController()
    const onRead = (): never => {
      setTimeout(() => controller.abort(), 5)
      throw new DiskError('never right', { code: 'integrity', kind: 'retryable' })
    }
    const source = memorySource(bytes, full(bytes.length), { onRead })
    const sink = memorySink(bytes.length, { zeroed: true })
    const copying = copy({
      source,
      sink,
      journal: memoryJournal(),
      integrityBackoffMs: 60_000,
      signal: controller.signal,
    })
    await expect(copying).rejects.toMatchObject({ name: 'AbortError' })
  })

  test('silence is reported while a read hangs', async () => {
    const stalled: number[] = []
    const release = Promise.withResolvers<void>()
    const source = memorySource(bytes, full(bytes.length), { onRead: () => release.promise })
    const sink = memorySink(bytes.length, { zeroed: true })
    await copy({
      source,
      sink,
      journal: memoryJournal(),
      stallAfterMs: 20,
      onStalled: (sinceMs) => {
        stalled.push(sinceMs)
        release.resolve()
      },
    })
    expect(stalled[0]).toBeGreaterThanOrEqual(20)
    expect(sink.bytes.equals(bytes)).toBe(true)
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

test('the journal takes several chunks in one commit when several finish together', async () => {
  const bytes = disk(400_000, full(400_000), 8)
  const journal = memoryJournal(() => new Promise((resolve) => setTimeout(resolve, 2)))
  const sink = memorySink(bytes.length, { zeroed: true })
  await copy({ source: memorySource(bytes, full(bytes.length)), sink, journal, slots: 8 })
  expect(Math.max(...journal.batches)).toBeGreaterThan(1)
  expect(journal.batches.reduce((sum, size) => sum + size, 0)).toBe(journal.chunks.size)
})
