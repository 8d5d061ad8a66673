import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { expect, onTestFinished, test } from 'vitest'
import { copyDisk } from '#shared/disks/copy.ts'
import { fileJournal } from '#shared/disks/journal.ts'
import { openRawSink, openRawSource } from '#shared/disks/raw.ts'
import { contentDigest, verifyDisk } from '#shared/disks/verify.ts'

const chunkBytes = 65_536
const chunks = 60
const slots = 3
const { signal } = new AbortController()

test('after SIGKILL another process finishes the copy; at most one chunk per slot was written without being on record', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'kill-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  const [from, to, journalPath] = ['source', 'copy', 'journal'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ]
  const bytes = Buffer.alloc(chunks * chunkBytes)
  for (let chunk = 0; chunk < chunks; chunk++)
    bytes.fill(`chunk ${chunk} `, chunk * chunkBytes, (chunk + 1) * chunkBytes)
  await writeFile(from, bytes)

  await runUntilKilled([from, to, journalPath, `${slots}`], (bytesDone) => bytesDone > 20 * chunkBytes)

  const journal = fileJournal(journalPath)
  const { done } = await journal.open()
  const written = writtenChunks(await readFile(to))
  const unrecorded = written.filter((chunk) => !done.has(chunk))
  expect(done.size).toBeGreaterThan(20)
  expect(done.size).toBeLessThan(chunks)
  expect(unrecorded.length).toBeLessThanOrEqual(slots)
  expect(written.length - unrecorded.length, 'what is on record is there').toBe(done.size)

  const source = await openRawSource(from)
  const sink = await openRawSink(to, { sizeBytes: bytes.length, create: false, zeroed: true })
  const result = await copyDisk({ source, sink, journal, slots, signal })
  expect(result.bytesWritten).toBe((chunks - done.size) * chunkBytes)
  const readBack = await openRawSource(to)
  const verified = await verifyDisk({ source: readBack, manifest: result.manifest, slots, signal })
  expect(verified).toMatchObject({ mismatches: [], digest: await contentDigest(result.manifest) })
  expect((await readFile(to)).equals(bytes)).toBe(true)
  await Promise.all([source.close(), sink.close(), readBack.close(), journal.close()])
})

const runUntilKilled = async (args: string[], enough: (bytesDone: number) => boolean): Promise<void> => {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'copy-process.ts'), ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const closed = once(child, 'close')
  for await (const line of createInterface({ input: child.stdout }))
    if (enough(Number(line))) child.kill('SIGKILL')
  expect(await closed).toEqual([null, 'SIGKILL'])
}

const writtenChunks = (bytes: Buffer): number[] =>
  Array.from({ length: chunks }, (_, chunk) => chunk).filter((chunk) => bytes[chunk * chunkBytes] !== 0)
