import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { open, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { openQcow2, type ReadAt } from '#shared/disks/qcow2.ts'
import { temporaryDir } from '#test/clouds/core/temporary.ts'
import { writeQcow2 } from '#test/clouds/gcp/builds/qcow2.ts'

const mebibyte = 2 ** 20

test('an image written by the loopback cloud reads as the disk it is of, and lists only what holds data', async () => {
  const { dir, raw, islands } = await rawDisk(600 * mebibyte)
  await writeQcow2(raw, join(dir, 'disk.qcow2'))
  await expectSame(join(dir, 'disk.qcow2'), 600 * mebibyte, islands)
})

test.skipIf(!hasQemuImg()).for([['512'], ['65536'], ['2097152']] as const)(
  'an image written by qemu-img with clusters of %s bytes reads as the disk it is of',
  async ([clusterSize]) => {
    const { dir, raw, islands } = await rawDisk(40 * mebibyte)
    const out = join(dir, 'disk.qcow2')
    execFileSync('qemu-img', [
      'convert',
      '-f',
      'raw',
      '-O',
      'qcow2',
      '-o',
      `cluster_size=${clusterSize}`,
      raw,
      out,
    ])
    await expectSame(out, 40 * mebibyte, islands)
  },
)

test.skipIf(!hasQemuImg())('the old version 2 of the format is read as well', async () => {
  const { dir, raw, islands } = await rawDisk(8 * mebibyte)
  const out = join(dir, 'disk.qcow2')
  execFileSync('qemu-img', ['convert', '-f', 'raw', '-O', 'qcow2', '-o', 'compat=0.10', raw, out])
  await expectSame(out, 8 * mebibyte, islands)
})

test.skipIf(!hasQemuImg())(
  'an image with compressed clusters is refused, and the error says how to help it',
  async () => {
    const { dir, raw } = await rawDisk(8 * mebibyte, Buffer.alloc(70_000, 'text '))
    const out = join(dir, 'disk.qcow2')
    execFileSync('qemu-img', ['convert', '-f', 'raw', '-O', 'qcow2', '-c', raw, out])
    const image = await openQcow2(await readerOf(out))
    await expect(image.read({ offset: 0, length: 4096 })).rejects.toMatchObject({
      code: 'unsupported_qcow2',
      remedy: expect.stringContaining('qemu-img convert'),
    })
  },
)

test.skipIf(!hasQemuImg())(
  'an image that builds on another, or keeps its data elsewhere, is refused',
  async () => {
    const { dir, raw } = await rawDisk(8 * mebibyte)
    const [child, outside] = [join(dir, 'child.qcow2'), join(dir, 'outside.qcow2')]
    execFileSync('qemu-img', ['create', '-f', 'qcow2', '-b', raw, '-F', 'raw', child])
    execFileSync('qemu-img', ['create', '-f', 'qcow2', '-o', `data_file=${join(dir, 'data')}`, outside, '8M'])
    for (const [path, what] of [
      [child, /backing file/],
      [outside, /external data file/],
    ] as const) {
      const message: unknown = expect.stringMatching(what)
      await expect(openQcow2(await readerOf(path))).rejects.toMatchObject({
        code: 'unsupported_qcow2',
        message,
      })
    }
  },
)

test('what is not a QCOW2 image is refused', async () => {
  const dir = await temporaryDir()
  const path = join(dir, 'disk.qcow2')
  await writeFile(path, randomBytes(4096))
  await expect(openQcow2(await readerOf(path))).rejects.toMatchObject({ code: 'not_a_qcow2' })
})

function hasQemuImg(): boolean {
  try {
    execFileSync('qemu-img', ['--version'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

/** A sparse raw disk with islands of data, one across the border of two clusters and one at the very end. */
async function rawDisk(sizeBytes: number, content = randomBytes(70_000)) {
  const dir = await temporaryDir()
  const raw = join(dir, 'disk.raw')
  const file = await open(raw, 'w')
  await file.truncate(sizeBytes)
  const islands = [0, 3 * mebibyte + 65_536 - 100, sizeBytes - content.length]
  for (const offset of islands) await file.write(content, 0, content.length, offset)
  await file.close()
  return { dir, raw, islands: islands.map((offset) => ({ offset, content })) }
}

async function expectSame(
  path: string,
  sizeBytes: number,
  islands: { offset: number; content: Buffer }[],
): Promise<void> {
  const image = await openQcow2(await readerOf(path))
  expect(image.sizeBytes).toBe(sizeBytes)
  let [listedBytes, end] = [0, 0]
  const covered = new Set<number>()
  for await (const { offset, length } of image.extents()) {
    expect(offset).toBeGreaterThanOrEqual(end)
    end = offset + length
    listedBytes += length
    for (const island of islands)
      if (offset <= island.offset && end >= island.offset + island.content.length) covered.add(island.offset)
  }
  expect(covered.size).toBe(islands.length)
  expect(listedBytes).toBeLessThanOrEqual(islands.length * 6 * mebibyte)
  for (const { offset, content } of islands) {
    const from = Math.max(0, offset - 5000)
    const read = await image.read({ offset: from, length: offset - from + content.length })
    expect(read.subarray(offset - from).equals(content)).toBe(true)
    expect(read.subarray(0, offset - from).every((byte) => byte === 0)).toBe(true)
  }
}

async function readerOf(path: string): Promise<ReadAt> {
  const file = await open(path)
  onTestFinished(() => file.close())
  return async (offset, length) => {
    const buffer = Buffer.alloc(length)
    await file.read(buffer, 0, length, offset)
    return buffer
  }
}
