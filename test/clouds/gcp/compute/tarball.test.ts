import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { gzipSync } from 'node:zlib'
import { expect, onTestFinished, test } from 'vitest'
import { gzipMember, gzipOfZeros } from '#shared/clouds/gcp/disks/gzip.ts'
import { tarHeader, tarTrailer } from '#shared/clouds/gcp/disks/tarball.ts'
import { createDiskStore } from '#test/clouds/core/disks.ts'
import { temporaryDir } from '#test/clouds/core/temporary.ts'
import { readTarball } from '#test/clouds/gcp/compute/tarball.ts'

const gibibyte = 2 ** 30
const now = new Date('2026-11-23T00:00:00Z')
const hasTar = spawnSync('tar', ['--version']).status === 0

/** What the service makes of a tarball. */
async function imported(...parts: Buffer[]) {
  const dir = await temporaryDir()
  const disks = createDiskStore(dir)
  onTestFinished(() => disks.close())
  const bytes = async function* () {
    yield Buffer.concat(parts)
  }
  return { disks, outcome: await readTarball(bytes(), disks, 'disk') }
}

test('a tarball of many members is the disk that they make up', async () => {
  const data = randomBytes(3 * 2 ** 20)
  const { disks, outcome } = await imported(
    await gzipMember(tarHeader(gibibyte, now)),
    gzipOfZeros(5 * 2 ** 20 + 512),
    await gzipMember(data),
    gzipOfZeros(gibibyte - 8 * 2 ** 20 - 512),
    await gzipMember(tarTrailer()),
  )
  expect(outcome).toEqual({ sizeGb: 1 })
  expect((await disks.read('disk', 5 * 2 ** 20 + 512, data.length)).equals(data)).toBe(true)
  expect(await disks.allocated('disk', 2 ** 20)).toEqual([5, 6, 7, 8])
})

test.for<[what: string, parts: () => Buffer[], reason: RegExp]>([
  ['a size that is not of whole GiB', () => [gzipSync(tarHeader(gibibyte + 512, now))], /multiple of 1 GB/],
  ['another file than disk.raw', () => [gzipSync(renamed('disk.img'))], /disk.raw/],
  [
    'a disk that ends too soon',
    () => [gzipSync(tarHeader(gibibyte, now)), gzipOfZeros(2 ** 20)],
    /ends before/,
  ],
  ['a file that is not gzip', () => [tarHeader(gibibyte, now)], /gzip/],
  [
    'a member with a flipped bit',
    () => [gzipSync(tarHeader(gibibyte, now)), flipped(gzipSync(randomBytes(1000)))],
    /gzip|check/,
  ],
])('%s makes no image', async ([, parts, reason]) => {
  const { disks, outcome } = await imported(...parts())
  expect(outcome).toEqual({ reason: expect.stringMatching(reason) as unknown })
  expect(disks.has('disk')).toBe(false)
})

test.runIf(hasTar)('the tarballs that are written are ones that GNU tar reads, also above 8 GiB', () => {
  for (const sizeBytes of [gibibyte, 10 * gibibyte]) {
    const { stdout } = spawnSync('tar', ['-tv'], { input: tarHeader(sizeBytes, now), encoding: 'utf8' })
    expect(stdout).toMatch(new RegExp(`^-rw-r--r-- 0/0 +${sizeBytes} .* disk\\.raw$`, 'm'))
  }
})

test('a tarball whose gzip keeps a file name, as the command line writes it, is read as well', async () => {
  const data = randomBytes(4096)
  const { disks, outcome } = await imported(
    named(gzipSync(tarHeader(gibibyte, now))),
    await gzipMember(data),
    gzipOfZeros(gibibyte - data.length),
    await gzipMember(tarTrailer()),
  )
  expect(outcome).toEqual({ sizeGb: 1 })
  expect((await disks.read('disk', 0, data.length)).equals(data)).toBe(true)
})

/** The member with a file name in its header. */
function named(member: Buffer): Buffer {
  const head = Buffer.from(member.subarray(0, 10))
  head[3] = 8
  return Buffer.concat([head, Buffer.from('disk.tar\0'), member.subarray(10)])
}

function renamed(name: string): Buffer {
  const header = tarHeader(gibibyte, now)
  header.fill(0, 0, 100).write(name, 'latin1')
  header.write('        ', 148, 'latin1')
  const sum = header.reduce((total, byte) => total + byte, 0)
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
  return header
}

function flipped(bytes: Buffer): Buffer {
  bytes.writeUInt8(bytes.readUInt8(500) ^ 4, 500)
  return bytes
}
