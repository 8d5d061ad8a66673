import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { temporaryDir } from '#test/clouds/core/temporary.ts'
import { buildGuestDisk } from '#test/clouds/guest/disk.ts'
import { readFat } from '#test/clouds/guest/read-fat.ts'

const mib = 1024 * 1024

async function build(sizeBytes: number, unique = 'disk-1') {
  const path = join(await temporaryDir(), 'guest.raw')
  const { files } = await buildGuestDisk({ path, sizeBytes, unique })
  return { path, files, bytes: await readFile(path) }
}

test.each([48, 320])('every file of a disk of %i MiB is read back as it was written', async (sizeMib) => {
  const { bytes, files } = await build(sizeMib * mib)
  expect(bytes.length).toBe(sizeMib * mib)
  const found = readFat(bytes.subarray(mib))
  expect([...found.keys()].toSorted()).toEqual(files.map(({ path }) => path).toSorted())
  for (const { path, data } of files) expect(found.get(path)?.equals(data)).toBe(true)
})

test('the manifest on the disk is true of the data on the disk', async () => {
  const { bytes } = await build(320 * mib)
  const found = readFat(bytes.subarray(mib))
  const lines = (found.get('MANIFEST.TXT') ?? Buffer.alloc(0)).toString().trimEnd().split('\n')
  expect(lines).toHaveLength(12)
  for (const line of lines) {
    const [, path = ''] = line.split('  ')
    const data = found.get(path) ?? Buffer.alloc(0)
    expect(`${createHash('sha256').update(data).digest('hex')}  ${path}`).toBe(line)
  }
})

test('the partition table has one active partition, from 1 MiB to the end of the disk', async () => {
  const { bytes } = await build(64 * mib)
  const entry = bytes.subarray(446, 462)
  expect([entry[0], entry[4], entry.readUInt32LE(8), entry.readUInt32LE(12)]).toEqual([
    0x80,
    0x0e,
    2048,
    63 * 2048,
  ])
  expect(bytes.subarray(462, 510)).toEqual(Buffer.alloc(48))
  expect(bytes.readUInt16BE(510)).toBe(0x55aa)
})

test('the disk has its name and its first boot number where the boot sector looks for them', async () => {
  const unique = 'x'.repeat(64)
  const { bytes } = await build(48 * mib, unique)
  expect(bytes.toString('latin1', 1024, 1024 + 65)).toBe(`${unique}\0`)
  expect(bytes.toString('latin1', 1536, 1541)).toBe('0001\0')
})

test('data and holes alternate over the whole disk', async () => {
  const { path, bytes } = await build(320 * mib)
  expect((await stat(path)).blocks * 512).toBeLessThan(32 * mib)
  const zeros = Buffer.alloc(mib)
  const hasData = Array.from(
    { length: 320 },
    (_, index) => !bytes.subarray(index * mib, (index + 1) * mib).equals(zeros),
  )
  const changes = hasData.filter((has, index) => index > 0 && has !== hasData[index - 1]).length
  expect(changes).toBeGreaterThan(20)
  expect(hasData.slice(160)).toContain(true)
})

test('the same name gives the same bytes, another name gives other data', async () => {
  const [one, same, other] = [
    await build(48 * mib, 'a'),
    await build(48 * mib, 'a'),
    await build(48 * mib, 'b'),
  ]
  expect(one.bytes.equals(same.bytes)).toBe(true)
  expect(one.files[5]?.data.equals(other.files[5]?.data ?? Buffer.alloc(0))).toBe(false)
})

test.each([
  [{ unique: '' }, 'unique must be 1 to 64'],
  [{ unique: 'two words' }, 'unique must be'],
  [{ unique: 'x'.repeat(65) }, 'unique must be'],
  [{ unique: 'a', sizeBytes: 47 * mib }, 'sizeBytes must be a whole number of MiB from 48 MiB'],
  [{ unique: 'a', sizeBytes: 64 * mib + 512 }, 'sizeBytes must be a whole number of MiB'],
])('a disk that cannot be is refused: %j', async (wrong, reason) => {
  await expect(buildGuestDisk({ path: join(await temporaryDir(), 'x.raw'), ...wrong })).rejects.toThrow(
    reason,
  )
})

test('fsck.fat finds nothing to complain of', async (context) => {
  const dir = await temporaryDir()
  const { bytes } = await build(320 * mib)
  const volume = join(dir, 'volume.img')
  await writeFile(volume, bytes.subarray(mib))
  const env = { ...process.env, PATH: `${process.env['PATH']}:/usr/sbin:/sbin` }
  const { error, status, stdout } = spawnSync('fsck.fat', ['-n', '-v', volume], { env, encoding: 'utf8' })
  if (error) context.skip('needs fsck.fat (Debian: dosfstools)')
  expect([status, stdout]).toEqual([0, expect.stringContaining('22 files')])
})

test('mtools lists the files and copies one out unharmed', async (context) => {
  const { path, files } = await build(320 * mib)
  const { error, stdout } = spawnSync('mtype', ['-i', `${path}@@1M`, '::DATA/PART11.BIN'], {
    maxBuffer: 8 * mib,
  })
  if (error) context.skip('needs mtools')
  expect(
    stdout.equals(files.find(({ path: name }) => name === 'DATA/PART11.BIN')?.data ?? Buffer.alloc(0)),
  ).toBe(true)
})
