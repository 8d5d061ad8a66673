import { mkdtemp, open, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { ChunkSet } from '#shared/disks/chunk-set.ts'
import { fileJournal } from '#shared/disks/journal.ts'
import type { CopyJournal } from '#shared/disks/journal.ts'
import { listManifest, sha, whole } from './journals.ts'

const grid = { sizeBytes: 100_000, chunkBytes: 4096 }
let folder = ''
let path = ''
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'journal-'))
  path = join(folder, 'disk.journal')
})
afterEach(() => rm(folder, { recursive: true }))

const members = (set: ChunkSet): number[] => {
  const list: number[] = []
  for (let chunk = set.next(0); chunk !== -1; chunk = set.next(chunk + 1)) list.push(chunk)
  return list
}

const withJournal = async <T>(work: (journal: CopyJournal) => Promise<T>): Promise<T> => {
  const journal = fileJournal(path)
  try {
    return await work(journal)
  } finally {
    await journal.close()
  }
}

/** Like a process that is gone: nothing is closed, the file is as the system has it. */
const write = (...batches: number[][]) =>
  withJournal(async (journal) => {
    await journal.open(grid)
    for (const batch of batches) await journal.record(batch.map(whole))
  })

test('a journal remembers chunks, zeros and digests, and gives them back in order', async () => {
  await withJournal(async (journal) => {
    await journal.open(grid)
    await journal.record([whole(7), { index: 2 }])
    await journal.record([whole(24), whole(3)])
  })
  await withJournal(async (journal) => {
    const { header, done } = await journal.open({ ...grid, chunkBytes: 1024 })
    expect(header).toEqual(grid)
    expect(members(done)).toEqual([2, 3, 7, 24])
    expect(await listManifest(journal)).toEqual([
      { offset: 3 * 4096, length: 4096, sha256: sha(3) },
      { offset: 7 * 4096, length: 4096, sha256: sha(7) },
      { offset: 24 * 4096, length: 100_000 - 24 * 4096, sha256: sha(24) },
    ])
  })
})

test('a chunk recorded again takes the newer digest, also when it became zero', async () => {
  await withJournal(async (journal) => {
    await journal.open(grid)
    await journal.record([whole(1), whole(2), whole(3)])
    await journal.record([{ index: 1, sha256: sha(99) }, { index: 2 }])
    expect(await listManifest(journal)).toEqual([
      { offset: 4096, length: 4096, sha256: sha(99) },
      { offset: 3 * 4096, length: 4096, sha256: sha(3) },
    ])
  })
})

test('commits that overlap in time keep all of their chunks', async () => {
  await withJournal(async (journal) => {
    await journal.open(grid)
    await Promise.all([0, 1, 2, 3, 4, 5].map((index) => journal.record([whole(index)])))
  })
  await withJournal(async (journal) =>
    expect(members((await journal.open()).done)).toEqual([0, 1, 2, 3, 4, 5]),
  )
})

test('whatever a crash cut off, what stands before it counts, and the journal goes on from there', async () => {
  await write([0, 1], [2], [3, 4])
  const { size } = await stat(path)
  const entire = await readFile(path)
  const recorded = 24 + 5 * 44
  expect(size).toBeGreaterThanOrEqual(recorded)
  for (let length = 0; length <= recorded; length += 11) {
    await writeFile(path, entire.subarray(0, length))
    const kept = length < 24 ? 0 : Math.floor((length - 24) / 44)
    await withJournal(async (journal) => {
      expect(members((await journal.open(grid)).done)).toEqual([0, 1, 2, 3, 4].slice(0, kept))
      await journal.record([whole(20)])
    })
    await withJournal(async (journal) => {
      expect(members((await journal.open()).done)).toEqual([...[0, 1, 2, 3, 4].slice(0, kept), 20])
    })
  }
})

test('a record with a flipped bit and everything after it are not believed', async () => {
  await write([0, 1, 2, 3, 4])
  const entire = await readFile(path)
  for (let at = 24 + 2 * 44; at < 24 + 3 * 44; at++) {
    const damaged = Buffer.from(entire)
    damaged.writeUInt8(damaged.readUInt8(at) ^ 4, at)
    await writeFile(path, damaged)
    await withJournal(async (journal) => expect(members((await journal.open()).done)).toEqual([0, 1]))
  }
})

test('records after a damaged one stay disbelieved when the journal has grown over the damage', async () => {
  await write([0, 1, 2, 3, 4])
  const damaged = await readFile(path)
  damaged.writeUInt8(damaged.readUInt8(24 + 2 * 44 + 9) ^ 1, 24 + 2 * 44 + 9)
  await writeFile(path, damaged)
  await withJournal(async (journal) => {
    await journal.open()
    await journal.record([whole(20)])
  })
  await withJournal(async (journal) => expect(members((await journal.open()).done)).toEqual([0, 1, 20]))
})

test('a file that is something else is refused and left alone', async () => {
  const other = Buffer.from('this is somebody’s letter, and it is long enough')
  await writeFile(path, other)
  await withJournal(async (journal) => {
    await expect(journal.open(grid)).rejects.toMatchObject({ code: 'journal_corrupt' })
  })
  expect(await readFile(path)).toEqual(other)
  await writeFile(path, 'short')
  await withJournal(async (journal) => {
    await expect(journal.open(grid)).rejects.toMatchObject({ code: 'journal_corrupt' })
  })
})

test('a damaged header is refused, another disk size too, and a missing journal is said to be missing', async () => {
  await withJournal(async (journal) => {
    await expect(journal.open()).rejects.toMatchObject({ code: 'journal_missing' })
  })
  await write([1])
  await withJournal(async (journal) => {
    await expect(journal.open({ ...grid, sizeBytes: 5 })).rejects.toMatchObject({ code: 'journal_mismatch' })
  })
  const file = await open(path, 'r+')
  await file.write(Buffer.from([9]), 0, 1, 12)
  await file.close()
  await withJournal(async (journal) => {
    await expect(journal.open(grid)).rejects.toMatchObject({ code: 'journal_corrupt' })
  })
  await truncate(path, 0)
  await withJournal(async (journal) => expect((await journal.open(grid)).done.size).toBe(0))
})

test('thousands of chunks in any order come back in order', async () => {
  const big = { sizeBytes: 20_000 * 512, chunkBytes: 512 }
  await withJournal(async (journal) => {
    await journal.open(big)
    const order = Array.from({ length: 20_000 }, (_, i) => (i * 7919) % 20_000)
    for (let at = 0; at < order.length; at += 1000)
      await journal.record(order.slice(at, at + 1000).map(whole))
    const listed = await listManifest(journal)
    expect(listed.map(({ offset }) => offset / 512)).toEqual(Array.from({ length: 20_000 }, (_, i) => i))
    expect(listed.every(({ offset, sha256 }) => sha256.equals(sha(offset / 512)))).toBe(true)
  })
})
