import { describe, expect, test } from 'vitest'
import { DiskError } from '#shared/disks/errors.ts'
import { copy, disk, full } from './copying.ts'
import { memoryJournal, memorySink, memorySource, type MemoryJournal, type MemorySink } from './memory.ts'

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

  test('a journal whose chunk size the ends cannot take is refused before anything is written', async () => {
    const coarse = memorySink(65_536, { zeroed: true, granularityBytes: 8192, preferredChunkBytes: 8192 })
    const other = memoryJournal()
    await other.open({ sizeBytes: 65_536, chunkBytes: 4096 })
    const source = memorySource(bytes, full(bytes.length))
    await expect(copy({ source, sink: coarse, journal: other })).rejects.toMatchObject({
      code: 'bad_chunk_size',
    })
    expect(coarse.writes).toEqual([])
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

test('the journal takes several chunks in one commit when several finish together', async () => {
  const bytes = disk(400_000, full(400_000), 8)
  const journal = memoryJournal(() => new Promise((resolve) => setTimeout(resolve, 2)))
  const sink = memorySink(bytes.length, { zeroed: true })
  await copy({ source: memorySource(bytes, full(bytes.length)), sink, journal, slots: 8 })
  expect(Math.max(...journal.batches)).toBeGreaterThan(1)
  expect(journal.batches.reduce((sum, size) => sum + size, 0)).toBe(journal.chunks.size)
})
