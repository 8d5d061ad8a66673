import { execFileSync } from 'node:child_process'
import {
  link,
  mkdir,
  mkdtemp,
  open,
  readFile,
  rm,
  stat,
  symlink,
  truncate,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { copyDisk } from '#shared/disks/copy.ts'
import { fileJournal } from '#shared/disks/journal.ts'
import type { DiskSource, Extent } from '#shared/disks/port.ts'
import { openRawSink, openRawSource } from '#shared/disks/raw.ts'
import { contentDigest, verifyDisk } from '#shared/disks/verify.ts'

const MIB = 1 << 20
const { signal } = new AbortController()
let folder = ''
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'raw-'))
})
afterEach(() => rm(folder, { recursive: true }))
const at = (name: string): string => join(folder, name)

const sparseFile = async (name: string, sizeBytes: number, offsets: number[]): Promise<string> => {
  const file = await open(at(name), 'w')
  await file.truncate(sizeBytes)
  for (const offset of offsets)
    await file.write(Buffer.alloc(100_000, `data at ${offset}`), 0, 100_000, offset)
  await file.close()
  return at(name)
}

const list = async (source: DiskSource): Promise<Extent[]> => {
  const extents: Extent[] = []
  for await (const extent of source.extents()) extents.push(extent)
  return extents
}

test('a sparse image is copied, verified and stays sparse', async () => {
  const path = await sparseFile('source', 40 * MIB + 777, [0, 5 * MIB + 123, 39 * MIB])
  const source = await openRawSource(path)
  const sink = await openRawSink(at('copy'), { sizeBytes: source.sizeBytes, create: true })
  const journal = fileJournal(at('journal'))
  expect(sink.zeroed).toBe(true)
  const { manifest } = await copyDisk({ source, sink, journal, slots: 4, signal })
  const readBack = await openRawSource(at('copy'))
  const verified = await verifyDisk({ source: readBack, manifest, slots: 4, signal })
  expect(verified).toMatchObject({ mismatches: [], digest: await contentDigest(manifest) })
  await Promise.all([source.close(), sink.close(), readBack.close(), journal.close()])
  expect((await readFile(at('copy'))).equals(await readFile(path))).toBe(true)
  expect((await stat(at('copy'))).blocks * 512).toBeLessThan(5 * MIB)
})

test('an image whose size fits no chunk fills a larger one, which is zero beyond it', async () => {
  await writeFile(at('source'), Buffer.alloc(1_234_567, 'odd'))
  const source = await openRawSource(at('source'))
  const sink = await openRawSink(at('copy'), { sizeBytes: 3 * MIB, create: true })
  const journal = fileJournal(at('journal'))
  const { manifest } = await copyDisk({ source, sink, journal, slots: 3, signal })
  const readBack = await openRawSource(at('copy'))
  expect(await verifyDisk({ source: readBack, manifest, slots: 3, signal })).toMatchObject({ mismatches: [] })
  await Promise.all([source.close(), sink.close(), readBack.close(), journal.close()])
  const copied = await readFile(at('copy'))
  expect(copied.subarray(0, 1_234_567).equals(await readFile(at('source')))).toBe(true)
  expect(copied.subarray(1_234_567).every((byte) => byte === 0)).toBe(true)
})

test('a flipped byte in the stored copy is found by verification', async () => {
  const source = await openRawSource(await sparseFile('source', 8 * MIB, [MIB]))
  const sink = await openRawSink(at('copy'), { sizeBytes: source.sizeBytes, create: true })
  const journal = fileJournal(at('journal'))
  const { manifest } = await copyDisk({ source, sink, journal, slots: 2, signal })
  const file = await open(at('copy'), 'r+')
  await file.write(Buffer.from('!'), 0, 1, MIB + 50)
  await file.write(Buffer.from('!'), 0, 1, 6 * MIB)
  await file.close()
  const readBack = await openRawSource(at('copy'))
  const { mismatches } = await verifyDisk({ source: readBack, manifest, slots: 4, signal })
  expect(mismatches.map(({ offset }) => offset)).toEqual([MIB, 6 * MIB])
  await Promise.all([source.close(), sink.close(), readBack.close(), journal.close()])
})

describe('extents', () => {
  test('name every byte that is not zero, in order', async () => {
    const path = await sparseFile('source', 20 * MIB, [0, 3 * MIB + 5, 12 * MIB])
    const source = await openRawSource(path)
    const extents = await list(source)
    await source.close()
    const bytes = await readFile(path)
    for (const { offset, length } of extents) bytes.fill(0, offset, offset + length)
    expect(bytes.every((byte) => byte === 0)).toBe(true)
    expect(extents).toEqual(extents.toSorted((a, b) => a.offset - b.offset))
  })

  test('leave the holes out where the machine can tell them', async () => {
    const source = await openRawSource(await sparseFile('source', 20 * MIB, [3 * MIB]))
    const listed = (await list(source)).reduce((sum, { length }) => sum + length, 0)
    await source.close()
    expect(listed).toBeLessThan(canAskForHoles() ? MIB : 20 * MIB + 1)
  })

  test('are the whole file where the machine cannot tell its holes', async () => {
    const source = await openRawSource(await sparseFile('source', 20 * MIB, [3 * MIB]))
    const path = process.env['PATH']
    process.env['PATH'] = folder
    try {
      expect(await list(source)).toEqual([{ offset: 0, length: 20 * MIB }])
    } finally {
      process.env['PATH'] = path
      await source.close()
    }
  })

  test('of an empty, a fully sparse and a full file are right', async () => {
    for (const [name, sizeBytes, offsets] of [
      ['empty', 0, []],
      ['sparse', 5 * MIB, []],
      ['full', 100_000, [0]],
    ] as const) {
      const source = await openRawSource(await sparseFile(name, sizeBytes, [...offsets]))
      const covered = (await list(source)).reduce((sum, { length }) => sum + length, 0)
      expect(covered).toBeGreaterThanOrEqual(offsets.length * 100_000)
      expect(covered).toBeLessThanOrEqual(sizeBytes)
      await source.close()
    }
  })
})

describe('what is not a plain image file', () => {
  test.each(['link', 'folder', 'device', 'pipe'] as const)(
    'a %s is neither read nor written',
    async (kind) => {
      await writeFile(at('image'), 'x')
      if (kind === 'link') await symlink(at('image'), at('it'))
      if (kind === 'folder') await mkdir(at('it'))
      if (kind === 'pipe') execFileSync('mkfifo', [at('it')])
      const path = kind === 'device' ? '/dev/zero' : at('it')
      await expect(openRawSource(path)).rejects.toMatchObject({ code: 'not_a_raw_disk', kind: 'permanent' })
      const sink = openRawSink(path, { sizeBytes: 1, create: false })
      await expect(sink).rejects.toMatchObject({ code: 'not_a_raw_disk' })
    },
  )

  test('a hard link is the image itself', async () => {
    await writeFile(at('image'), 'x')
    await link(at('image'), at('it'))
    await (await openRawSource(at('it'))).close()
  })
})

describe('errors say what is wrong', () => {
  test('a missing image, and a folder that does not exist', async () => {
    await expect(openRawSource(at('none'))).rejects.toMatchObject({ code: 'not_found' })
    const sink = openRawSink(at('no/where'), { sizeBytes: 1, create: true })
    await expect(sink).rejects.toMatchObject({ code: 'not_found' })
  })

  test('an existing file is not overwritten, one of another size is not taken', async () => {
    await writeFile(at('image'), 'precious')
    const over = openRawSink(at('image'), { sizeBytes: 8, create: true })
    await expect(over).rejects.toMatchObject({ code: 'exists' })
    const resized = openRawSink(at('image'), { sizeBytes: 9, create: false })
    await expect(resized).rejects.toMatchObject({ code: 'size_mismatch' })
    expect(await readFile(at('image'), 'utf8')).toBe('precious')
  })

  test('a size that the file system cannot hold leaves no file behind', async () => {
    const sink = openRawSink(at('huge'), { sizeBytes: 2 ** 52, create: true })
    await expect(sink).rejects.toMatchObject({ code: 'no_space' })
    await expect(stat(at('huge'))).rejects.toThrow('ENOENT')
  })

  test('reads and writes outside of the disk, and a file that is cut while being read', async () => {
    await writeFile(at('image'), Buffer.alloc(10_000, 1))
    const source = await openRawSource(at('image'))
    await expect(source.read({ offset: 9000, length: 1001 })).rejects.toMatchObject({ code: 'out_of_bounds' })
    await truncate(at('image'), 5000)
    await expect(source.read({ offset: 4000, length: 2000 })).rejects.toMatchObject({ code: 'short_read' })
    await source.close()
    await source.close()
    const sink = await openRawSink(at('image'), { sizeBytes: 5000, create: false })
    const outside = { offset: 4000, data: Buffer.alloc(1001), sha256: Buffer.alloc(32) }
    await expect(sink.write(outside)).rejects.toMatchObject({ code: 'out_of_bounds' })
    await sink.close()
    await sink.close()
  })
})

test('an existing file counts as zeroed only when it is one hole, or the caller vouches for it', async () => {
  await sparseFile('hole', 5 * MIB, [])
  await sparseFile('used', 5 * MIB, [0])
  for (const [name, vouched, zeroed] of [
    ['hole', undefined, canAskForHoles()],
    ['used', undefined, false],
    ['used', true, true],
    ['hole', false, false],
  ] as const) {
    const options = { sizeBytes: 5 * MIB, create: false, ...(vouched !== undefined && { zeroed: vouched }) }
    const sink = await openRawSink(at(name), options)
    expect(sink.zeroed, `${name}, ${vouched}`).toBe(zeroed)
    await sink.close()
  }
})

const canAskForHoles = (): boolean =>
  ['perl', 'python3'].some((command) => {
    try {
      execFileSync(command, ['--version'], { stdio: 'ignore' })
      return true
    } catch {
      return false
    }
  })
