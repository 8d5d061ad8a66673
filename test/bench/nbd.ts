import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, open, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { sha256 } from '#shared/disks/hash.ts'
import { openNbdSink } from '#shared/disks/nbd/sink.ts'
import { openNbdSource } from '#shared/disks/nbd/source.ts'
import type { DiskSink, DiskSource } from '#shared/disks/port.ts'
import { median, type BenchResult } from '#test/bench/lib/result.ts'

const mebibyte = 2 ** 20
const diskBytes = 256 * mebibyte
const rounds = 5
const slots = 8

/**
 * Reading and writing 256 MiB through a storage daemon of a qcow2 file, beside the same bytes of the same kind of chunks by plain file reads and writes
 * (with one fsync at the end). Ours hashes every chunk as it comes, checks it before it goes, and flushes before it calls a write done. They
 * take turns; medians count; everything is in the page cache.
 */
export async function run(): Promise<BenchResult> {
  const folder = await mkdtemp(join(tmpdir(), 'bench-nbd-'))
  try {
    const image = join(folder, 'disk.qcow2')
    await promisify(execFile)('qemu-img', ['create', '-q', '-f', 'qcow2', image, `${diskBytes}`])
    const raw = join(folder, 'disk.raw')
    const times = { nbdWrite: [], nbdRead: [], fileWrite: [], fileRead: [] } as Record<string, number[]>
    let chunkBytes = 0
    for (let round = 0; round <= rounds; round++) {
      const took = {
        ...(await withServer(image, join(folder, 's'), async (path) => {
          const sink = await openNbdSink({ address: { path }, exportName: 'disk', zeroed: false })
          chunkBytes = sink.preferredChunkBytes
          const nbdWrite = await timed(() => writeAll(sink))
          await sink.close()
          return { nbdWrite }
        })),
        ...(await withServer(image, join(folder, 's'), async (path) => {
          const source = await openNbdSource({ address: { path }, exportName: 'disk' })
          const nbdRead = await timed(() => readAll(source))
          await source.close()
          return { nbdRead }
        })),
        ...(await throughFile(raw, chunkBytes)),
      }
      // The first turn makes the files.
      if (round > 0) for (const [name, seconds] of Object.entries(took)) times[name]?.push(seconds)
    }
    return summarise(times, chunkBytes)
  } finally {
    await rm(folder, { recursive: true })
  }
}

async function withServer<T>(image: string, path: string, work: (path: string) => Promise<T>): Promise<T> {
  const server = spawn(
    'qemu-storage-daemon',
    [
      `--blockdev=driver=file,node-name=file,filename=${image}`,
      '--blockdev=driver=qcow2,node-name=disk,file=file',
      `--nbd-server=addr.type=unix,addr.path=${path}`,
      '--export=type=nbd,id=export,node-name=disk,name=disk,writable=on',
    ],
    { stdio: 'ignore' },
  )
  const ended = once(server, 'exit')
  try {
    while (!(await listens(path))) {
      if (server.exitCode !== null) throw new Error('qemu-storage-daemon ended')
      await sleep(10)
    }
    return await work(path)
  } finally {
    server.kill()
    await ended
  }
}

const listens = (path: string): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(path)
    socket.once('connect', () => resolve(Boolean(socket.destroy())))
    socket.once('error', () => resolve(false))
  })

const timed = async (work: () => Promise<unknown>): Promise<number> => {
  const startedAt = performance.now()
  await work()
  return (performance.now() - startedAt) / 1000
}

/** Calls `work` for every chunk of the disk, some at the same time. */
async function everyChunk(chunkBytes: number, work: (offset: number) => Promise<unknown>): Promise<void> {
  let next = 0
  await Promise.all(
    Array.from({ length: slots }, async () => {
      while (next < diskBytes) await work((next += chunkBytes) - chunkBytes)
    }),
  )
}

async function writeAll(sink: DiskSink): Promise<void> {
  const data = Buffer.alloc(sink.preferredChunkBytes, 0x5a)
  const digest = await sha256(data)
  await everyChunk(data.length, (offset) => sink.write({ offset, data, sha256: digest }))
}

const readAll = (source: DiskSource): Promise<void> =>
  everyChunk(source.preferredChunkBytes, (offset) =>
    source.read({ offset, length: source.preferredChunkBytes }),
  )

async function throughFile(path: string, chunkBytes: number): Promise<Record<string, number>> {
  const file = await open(path, 'a+').then(async (made) => {
    await made.close()
    return open(path, 'r+')
  })
  try {
    const data = Buffer.alloc(chunkBytes, 0x5a)
    const fileWrite = await timed(async () => {
      await everyChunk(chunkBytes, (offset) => file.write(data, 0, chunkBytes, offset))
      await file.sync()
    })
    const fileRead = await timed(() =>
      everyChunk(chunkBytes, (offset) =>
        file.read(Buffer.allocUnsafeSlow(chunkBytes), 0, chunkBytes, offset),
      ),
    )
    return { fileWrite, fileRead }
  } finally {
    await file.close()
  }
}

function summarise(times: Record<string, number[]>, chunkBytes: number): BenchResult {
  const rate = (name: string): number => Math.round(diskBytes / mebibyte / median(times[name] ?? []))
  const [read, write, fileRead, fileWrite] = ['nbdRead', 'nbdWrite', 'fileRead', 'fileWrite'].map(rate) as [
    number,
    number,
    number,
    number,
  ]
  return {
    name: 'nbd',
    value: write,
    unit: 'MiB/s written',
    ratio: Number((write / fileWrite).toFixed(3)),
    against: `plain file writes with one fsync: ${fileWrite} MiB/s`,
    notes: [
      `read ${read} MiB/s, ratio ${(read / fileRead).toFixed(3)} against plain file reads: ${fileRead} MiB/s`,
      `${diskBytes / mebibyte} MiB in chunks of ${chunkBytes / 1024} KiB, ${slots} at a time; medians of ${rounds} turns; every chunk hashed when read, checked and flushed when written`,
    ],
  }
}
