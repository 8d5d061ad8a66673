import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import { copyDisk } from '#shared/disks/copy.ts'
import { createChunkSet } from '#shared/disks/chunk-set.ts'
import type { CopyJournal } from '#shared/disks/journal.ts'
import type { DiskSink, DiskSource } from '#shared/disks/port.ts'
import { verifyDisk } from '#shared/disks/verify.ts'
import { sha256 } from '#shared/disks/hash.ts'

const MIB = 2 ** 20
const sizeBytes = 2 ** 40
const chunkBytes = 65_536
const chunks = 100_000
/** Every `stride`-th chunk has an extent; of these every tenth is not zero. */
const stride = sizeBytes / chunkBytes / chunks
const offsets = Math.floor(stride) * chunkBytes

const zeros = Buffer.alloc(chunkBytes)
const data = Buffer.alloc(chunkBytes, 'data')
const ends = { sizeBytes, granularityBytes: 512, preferredChunkBytes: chunkBytes, close: async () => {} }

const source: DiskSource = {
  ...ends,
  async *extents() {
    for (let i = 0; i < chunks; i++) yield { offset: i * offsets, length: 4096 }
  },
  read: async ({ offset }) => ((offset / offsets) % 10 === 0 ? data : zeros),
}
const sink: DiskSink = { ...ends, zeroed: true, write: async () => {}, flush: async () => {} }

/** Keeps nothing, so that what grows is the copier's. */
const forgetful = async (): Promise<CopyJournal> => {
  const digest = await sha256(data)
  return {
    open: async () => ({
      header: { sizeBytes, chunkBytes },
      done: createChunkSet(sizeBytes / chunkBytes),
    }),
    record: async () => {},
    manifest: () => ({
      sizeBytes,
      chunkBytes,
      async *chunks() {
        for (let i = 0; i < chunks; i += 10) yield { offset: i * offsets, length: chunkBytes, sha256: digest }
      },
    }),
  }
}

const used = (): { heap: number; buffers: number } => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  collect()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return { heap: heapUsed, buffers: arrayBuffers }
}

test('memory stays flat over a disk of 1 TiB: two bits a chunk, nothing per extent or copied chunk', async () => {
  const before = used()
  const grown = { heap: 0, buffers: 0 }
  let calls = 0
  const sample = (): void => {
    if (++calls % 33_000 !== 0) return
    const now = used()
    grown.heap = Math.max(grown.heap, now.heap - before.heap)
    grown.buffers = Math.max(grown.buffers, now.buffers - before.buffers)
  }
  const { signal } = new AbortController()
  const common = { slots: 8, signal, onProgress: sample }
  const result = await copyDisk({ source, sink, journal: await forgetful(), ...common })
  expect(result.bytesTotal).toBe(chunks * chunkBytes)
  const verified = await verifyDisk({ source, manifest: result.manifest, ...common })
  expect(verified.mismatches).toEqual([])
  expect(calls).toBeGreaterThan(2 * chunks)
  // The bitmaps of 16.7 million chunks have 2 MiB each. An object for each of the 100,000 would be 5 MiB at least.
  expect(grown.heap).toBeLessThan(3 * MIB)
  expect(grown.buffers).toBeLessThan(8 * MIB)
})
