import { execFile } from 'node:child_process'
import { mkdtemp, readFile as readWhole, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { vhdxOf } from '#test/clouds/aws/images/make-vhdx.ts'
import { readFile, withFile } from '#test/clouds/aws/images/read-file.ts'
import { streamVmdk } from '#test/clouds/aws/images/write-vmdk.ts'

const run = promisify(execFile)
const hasTool = await run('qemu-img', ['--version']).then(
  () => true,
  () => false,
)
const noTool = 'qemu-img, which these files are compared with, is not on this machine'

/** 80 MiB over three tables of a VMDK, the middle one empty, and no whole number of grains. */
const disk = Buffer.alloc(80 * 2 ** 20)
disk.write('the boot sector', 0)
disk.write('behind a grain', 65_536 * 3 + 5)
disk.fill('the last of all', disk.length - 512)

let dir: string
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'novacron-formats-'))
})
afterAll(() => rm(dir, { recursive: true, force: true }))

const vmdkOf = async (data: Buffer): Promise<Buffer> =>
  Buffer.concat(
    await Array.fromAsync(
      streamVmdk(data.length, (offset, length) => Promise.resolve(data.subarray(offset, offset + length))),
    ),
  )

async function kept(name: string, data: Buffer): Promise<string> {
  const path = join(dir, name)
  await writeFile(path, data)
  return path
}

/** What a file of the format holds, as the service reads it. */
const readAs = (path: string, format: string): Promise<Buffer> =>
  withFile(path, async (file) => {
    const found = await readFile(file, format)
    const whole = Buffer.alloc(found.sizeBytes)
    for await (const { offset, data } of found.chunks()) data.copy(whole, offset)
    return whole
  })

const convert = async (from: string, to: string, formats: [from: string, to: string]): Promise<string> => {
  const path = join(dir, to)
  await run('qemu-img', ['convert', '-f', formats[0], '-O', formats[1], from, path])
  return path
}

describe('a VMDK that is written', () => {
  test('reads back as the disk, and is small', async () => {
    const path = await kept('own.vmdk', await vmdkOf(disk))
    expect((await readAs(path, 'VMDK')).equals(disk)).toBe(true)
    expect((await readWhole(path)).length).toBeLessThan(2 ** 20)
  })

  test('is one that qemu-img takes, and reads the same', async ({ skip }) => {
    skip(!hasTool, noTool)
    const path = await kept('for-tool.vmdk', await vmdkOf(disk))
    const { stdout } = await run('qemu-img', ['info', '-f', 'vmdk', '--output=json', path])
    expect(JSON.parse(stdout)).toMatchObject({
      'virtual-size': disk.length,
      'format-specific': { data: { 'create-type': 'streamOptimized' } },
    })
    const raw = await convert(path, 'of-vmdk.raw', ['vmdk', 'raw'])
    expect((await readWhole(raw)).equals(disk)).toBe(true)
  })
})

describe('a VHDX', () => {
  test('is read as its disk', async () => {
    const path = await kept('own.vhdx', vhdxOf(disk))
    expect((await readAs(path, 'VHDX')).equals(disk)).toBe(true)
  })

  test('that qemu-img wrote is read as its disk', async ({ skip }) => {
    skip(!hasTool, noTool)
    const path = await convert(await kept('disk.raw', disk), 'tool.vhdx', ['raw', 'vhdx'])
    expect((await readAs(path, 'VHDX')).equals(disk)).toBe(true)
  })

  const changed = (change: (file: Buffer) => void) => {
    const file = vhdxOf(disk)
    change(file)
    return file
  }
  test.for<[what: string, file: () => Buffer, reason: RegExp]>([
    ['that is none', () => disk, /file identifier/],
    ['whose log is not replayed', () => vhdxOf(disk, { logged: true }), /log/],
    [
      'with two damaged headers',
      () =>
        changed((file) => {
          file.writeUInt8(1, 2 ** 16 + 20)
          file.writeUInt8(1, 2 ** 17 + 20)
        }),
      /header/,
    ],
    ['with a damaged region table', () => changed((file) => file.writeUInt8(9, 3 * 2 ** 16 + 8)), /region/],
    ['that lost its end', () => vhdxOf(disk).subarray(0, -1), /ends too early/],
  ])('%s is refused with the reason', async ([what, file, reason]) => {
    const path = await kept(`${what.replaceAll(' ', '-')}.vhdx`, file())
    await expect(readAs(path, 'VHDX')).rejects.toThrow(reason)
  })
})
