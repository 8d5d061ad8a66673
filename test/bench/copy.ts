import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdtemp, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { CopyRun } from '#test/bench/lib/copy-child.ts'
import { median, type BenchResult } from '#test/bench/lib/result.ts'

const MIB = 1 << 20
const GIB = 2 ** 30
const leastRounds = 3
const mostRounds = 7
/** After this no further turn begins. */
const budgetMs = 25_000
const targetRatio = 0.6
const memoryLimitBytes = 256 * MIB

/**
 * A verified copy of a 4 GiB sparse disk with about 1 GiB of data, file to file, beside `cp --sparse=always` of the same file. Both find the
 * file in the page cache and both end with the copy on the disk (fsync). Ours also hashes every chunk, keeps a durable journal, reads the
 * copy back after the flush and proves it against the digests of the source. They take turns; medians count.
 */
export async function run(): Promise<BenchResult> {
  const folder = await mkdtemp(join(tmpdir(), 'bench-copy-'))
  try {
    const source = join(folder, 'source.raw')
    const dataBytes = await makeDisk(source)
    await readThrough(source)
    const ours: CopyRun[] = []
    const cp: number[] = []
    const startedAt = performance.now()
    const timeLeft = (): boolean => performance.now() - startedAt < budgetMs
    for (let round = 0; round < leastRounds || (round < mostRounds && timeLeft()); round++) {
      cp.push(await copyByCp(source, join(folder, 'cp.raw')))
      ours.push(await copyByUs(source, folder, round === 0))
    }
    return summarise(ours, cp, dataBytes)
  } finally {
    await rm(folder, { recursive: true })
  }
}

/** Random bytes in extents of 64 KiB to 32 MiB, at 4 KiB boundaries, with gaps in proportion; the same at every run. */
async function makeDisk(path: string): Promise<number> {
  let state = 42
  const random = (): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
  const pages = (bytes: number): number => Math.floor(bytes / 4096) * 4096
  const noise = Buffer.alloc(64 * MIB)
  for (let at = 0; at < noise.length; at += 4) noise.writeUInt32LE(Math.floor(random() * 2 ** 32), at)

  const file = await open(path, 'w')
  let dataBytes = 0
  try {
    await file.truncate(4 * GIB)
    for (let offset = 0; offset < 4 * GIB && dataBytes < GIB;) {
      const length = Math.min(pages(2 ** (16 + 9 * random())), 4 * GIB - offset, GIB - dataBytes)
      await file.write(noise, pages(random() * (noise.length - length)), length, offset)
      dataBytes += length
      offset += length + pages(6 * length * random())
    }
    await file.sync()
  } finally {
    await file.close()
  }
  return dataBytes
}

async function readThrough(path: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const piece of createReadStream(path, { highWaterMark: MIB })) hash.update(piece as Buffer)
  return hash.digest('hex')
}

const execute = promisify(execFile)

/** Seconds until the copy is on the disk. */
async function copyByCp(source: string, destination: string): Promise<number> {
  await settle(destination)
  const startedAt = performance.now()
  await execute('cp', ['--sparse=always', source, destination])
  const file = await open(destination, 'r+')
  await file.sync()
  await file.close()
  const seconds = (performance.now() - startedAt) / 1000
  await rm(destination)
  return seconds
}

async function copyByUs(source: string, folder: string, compare: boolean): Promise<CopyRun> {
  const [destination, journal] = [join(folder, 'ours.raw'), join(folder, 'journal')]
  await settle(destination)
  const script = join(import.meta.dirname, 'lib', 'copy-child.ts')
  // A process that has just started still compiles in the background; one that serves jobs has long done so.
  const env = { ...process.env, NODE_COMPILE_CACHE: join(folder, 'compiled') }
  const { stdout } = await execute(process.execPath, [script, source, destination, journal], { env })
  const result = JSON.parse(stdout) as CopyRun
  if (result.mismatches > 0 || result.sourceDigest !== result.destinationDigest)
    throw new Error(`the copy differs from its source: ${stdout}`)
  // Once by a judge who knows nothing of ours.
  if (compare) await execute('cmp', [source, destination])
  await rm(destination)
  await rm(journal)
  return result
}

/**
 * Brings the machine into the same state for both. What earlier turns wrote must not be written out on the account of this one. And on a
 * virtual machine that gives free memory back to its host, who touches memory first pays for it (up to 1 s per GiB): memory for the page
 * cache is fetched here, by a file that is thrown away at once.
 */
async function settle(path: string): Promise<void> {
  await rm(path, { force: true })
  await execute('sync')
  const scratch = await open(`${path}.scratch`, 'w')
  const piece = Buffer.alloc(MIB, 1)
  for (let offset = 0; offset < 1.25 * GIB; offset += piece.length)
    await scratch.write(piece, 0, piece.length, offset)
  await scratch.close()
  await rm(`${path}.scratch`)
}

function summarise(ours: CopyRun[], cp: number[], dataBytes: number): BenchResult {
  const seconds = median(ours.map((one) => one.seconds))
  const cpSeconds = median(cp)
  const peakBytes = Math.max(...ours.map((one) => one.peakRssBytes))
  const ratio = Number((cpSeconds / seconds).toFixed(3))
  const rate = (duration: number): number => Math.round((4 * GIB) / MIB / duration)
  const spread = (values: number[]): string =>
    `${Math.min(...values).toFixed(2)} … ${Math.max(...values).toFixed(2)} s`
  return {
    name: 'copy',
    value: rate(seconds),
    unit: 'MiB/s of disk',
    ratio,
    against: `cp --sparse=always with fsync: ${rate(cpSeconds)} MiB/s`,
    notes: [
      `4 GiB disk, ${Math.round(dataBytes / MIB)} MiB of data; medians of ${ours.length} turns each: ours ${seconds.toFixed(2)} s, cp ${cpSeconds.toFixed(2)} s`,
      `ours ${spread(ours.map((one) => one.seconds))}: copying ${median(ours.map((one) => one.copySeconds)).toFixed(2)} s, reading back and verifying ${median(ours.map((one) => one.verifySeconds)).toFixed(2)} s, CPU ${median(ours.map((one) => one.cpuSeconds)).toFixed(2)} s; cp ${spread(cp)}`,
      `target ratio ${targetRatio}: ${ratio >= targetRatio ? 'met' : 'missed'}`,
      `peak memory of the copying process ${Math.round(peakBytes / MIB)} MiB of ${memoryLimitBytes / MIB}: ${peakBytes <= memoryLimitBytes ? 'met' : 'missed'}`,
      `source ${ours[0]?.sourceDigest}, destination ${ours[0]?.destinationDigest}`,
    ],
  }
}
