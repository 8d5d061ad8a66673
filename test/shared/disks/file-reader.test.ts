import { execFile } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, onTestFinished, test } from 'vitest'
import { readAndHash } from '#shared/disks/file-reader.ts'
import { ownBuffer } from '#shared/disks/hash.ts'
import { openRawSource } from '#shared/disks/raw.ts'

const makeFile = async (content: Buffer): Promise<string> => {
  const folder = await mkdtemp(join(tmpdir(), 'reader-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  const path = join(folder, 'file')
  await writeFile(path, content)
  return path
}

test('what a thread read and hashed is what the file holds; zeros have no digest', async () => {
  const content = Buffer.concat([randomBytes(200_000), Buffer.alloc(200_000), randomBytes(100_001)])
  const file = await open(await makeFile(content))
  const ranges = [
    [0, 1],
    [5, 70_000],
    [199_999, 2],
    [200_000, 200_000],
    [399_000, 101_001],
    [400_000, 100_001],
  ] as const
  await Promise.all(
    ranges.map(async ([offset, length]) => {
      const target = ownBuffer(length).fill(9)
      const { data, bytesRead, digest } = await readAndHash(file.fd, offset, target)
      const expected = content.subarray(offset, offset + length)
      expect(target.length, 'the memory went away and came back').toBe(0)
      expect(data.equals(expected)).toBe(true)
      expect(bytesRead).toBe(length)
      const plain = expected.every((byte) => byte === 0)
        ? undefined
        : createHash('sha256').update(expected).digest('hex')
      expect(digest?.toString('hex')).toBe(plain)
    }),
  )
  const { bytesRead } = await readAndHash(file.fd, 500_000, ownBuffer(1000))
  expect(bytesRead).toBe(1)
  await file.close()
})

test('the operating system’s error comes through', async () => {
  await expect(readAndHash(999_999, 0, ownBuffer(10))).rejects.toMatchObject({ code: 'EBADF' })
})

test('a process waits for a digest and then ends by itself: the threads hold nothing up', async () => {
  const path = await makeFile(randomBytes(300_000))
  const program = `
    const { openRawSource } = await import(${JSON.stringify(import.meta.resolve('#shared/disks/raw.ts'))})
    const source = await openRawSource(${JSON.stringify(path)})
    const { digest } = await source.readHashed(Buffer.allocUnsafeSlow(300_000), 0)
    console.log(digest.toString('hex'))`
  const args = ['--input-type=module', '-e', program]
  const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 10_000 })
  expect(stdout.trim()).toBe(
    createHash('sha256')
      .update(await readFile(path))
      .digest('hex'),
  )
})

test('a source that is closed while it is read finishes what is under way', async () => {
  const content = randomBytes(3_000_000)
  const source = await openRawSource(await makeFile(content))
  const reading = Array.from({ length: 30 }, (_, i) => source.read({ offset: i * 100_000, length: 100_000 }))
  const closed = source.close()
  expect(Buffer.concat(await Promise.all(reading)).equals(content)).toBe(true)
  await closed
})
