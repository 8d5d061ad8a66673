import { randomBytes } from 'node:crypto'
import { open, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { createDiskStore, type DiskStore } from '#test/clouds/core/disks.ts'
import { temporaryDir } from '#test/clouds/core/temporary.ts'

const mib = 1024 * 1024

async function openStore(): Promise<{ store: DiskStore; dir: string }> {
  const dir = await temporaryDir()
  const store = createDiskStore(join(dir, 'store'))
  onTestFinished(() => store.close())
  return { store, dir }
}

test('a new disk reads as zeros and takes no room', async () => {
  const { store } = await openStore()
  const { path } = await store.create('vol-1', 8192 * mib)
  expect(await store.read('vol-1', 8192 * mib - 10, 10)).toEqual(Buffer.alloc(10))
  expect(await store.allocated('vol-1', 512 * 1024)).toEqual([])
  expect((await stat(path)).blocks).toBeLessThan(100)
})

test('what was written is read back, across the end of a block, and only there', async () => {
  const { store } = await openStore()
  await store.create('vol-1', 4 * mib)
  await store.write('vol-1', mib - 3, Buffer.from('abcdef'))
  expect(await store.read('vol-1', mib - 4, 8)).toEqual(Buffer.from('\0abcdef\0'))
  expect(await store.allocated('vol-1', mib)).toEqual([0, 1])
})

test('a block of zeros that was written counts as allocated', async () => {
  const { store } = await openStore()
  await store.create('vol-1', 4 * mib)
  await store.write('vol-1', 2 * mib, Buffer.alloc(4096))
  expect(await store.allocated('vol-1', 512 * 1024)).toEqual([4])
})

test('a clone has the same bytes and the same holes, and goes its own way afterwards', async () => {
  const { store, dir } = await openStore()
  const raw = join(dir, 'image.raw')
  await writeSparse(raw, 64 * mib + 1000, [
    [0, 'boot'],
    [40 * mib + 7, 'data'],
    [64 * mib + 996, 'tail'],
  ])
  await store.import('image', raw)
  const { path } = await store.clone('vol-1', 'image')

  expect((await readFile(path)).equals(await readFile(raw))).toBe(true)
  expect((await stat(path)).blocks * 512).toBeLessThan(mib)
  expect(await store.allocated('vol-1', mib)).toEqual([0, 40, 64])

  await store.write('vol-1', 0, Buffer.from('BOOT'))
  expect((await store.read('image', 0, 4)).toString()).toBe('boot')
})

test('a clone of a long run of data has it whole and in its place', async () => {
  const { store } = await openStore()
  await store.create('vol-1', 16 * mib)
  const data = randomBytes(5 * mib + 77)
  await store.write('vol-1', 3 * mib + 5, data)
  await store.clone('vol-2', 'vol-1')
  expect((await store.read('vol-2', 3 * mib + 5, data.length)).equals(data)).toBe(true)
})

test('importing leaves out blocks that the image stores but that are zero', async () => {
  const { store, dir } = await openStore()
  const raw = join(dir, 'full.raw')
  await writeFile(raw, Buffer.concat([Buffer.alloc(8 * mib), Buffer.from([1])]))
  const { path } = await store.import('image', raw)
  expect(await store.allocated('image', mib)).toEqual([8])
  expect((await stat(path)).blocks * 512).toBeLessThan(mib)
})

test('what a machine wrote to the file is seen in the list of blocks and in clones', async () => {
  const { store } = await openStore()
  await store.create('vol-1', 64 * mib)
  await store.write('vol-1', 0, Buffer.from('known'))
  const outside = await open(store.path('vol-1'), 'r+')
  await outside.write(Buffer.from('news'), 0, 4, 33 * mib)
  await outside.close()

  expect(await store.allocated('vol-1', mib)).toEqual([0, 33])
  await store.clone('snap-1', 'vol-1')
  expect((await store.read('snap-1', 33 * mib, 4)).toString()).toBe('news')
})

test('flip changes exactly one stored byte', async () => {
  const { store } = await openStore()
  await store.create('vol-1', mib)
  await store.write('vol-1', 100, Buffer.from('abc'))
  await store.flip('vol-1', 101)
  const [a, b, c] = await store.read('vol-1', 100, 3)
  expect([a, c]).toEqual([...Buffer.from('ac')])
  expect(b).not.toBe(Buffer.from('b')[0])
})

test('a grown disk has zeros at its end, a shrunk one forgets what was there', async () => {
  const { store } = await openStore()
  await store.create('vol-1', 4 * mib)
  await store.write('vol-1', 3 * mib, Buffer.from('gone'))
  await store.resize('vol-1', 2 * mib)
  await expect(store.read('vol-1', 3 * mib, 4)).rejects.toThrow(RangeError)
  await store.resize('vol-1', 8 * mib)
  expect(store.size('vol-1')).toBe(8 * mib)
  expect(await store.read('vol-1', 3 * mib, 4)).toEqual(Buffer.alloc(4))
  expect(await store.allocated('vol-1', mib)).toEqual([])
})

test('reading or writing beyond the end is refused and writes nothing', async () => {
  const { store } = await openStore()
  const { path } = await store.create('vol-1', mib)
  await expect(store.write('vol-1', mib - 1, Buffer.from('ab'))).rejects.toThrow('outside disk vol-1')
  await expect(store.read('vol-1', -1, 1)).rejects.toThrow(RangeError)
  expect((await stat(path)).size).toBe(mib)
  expect(await store.allocated('vol-1', mib)).toEqual([])
})

test('two ids that differ only in characters a file name cannot have are two disks', async () => {
  const { store } = await openStore()
  const ids = [
    '/subscriptions/1/disks/a b',
    '/subscriptions/1/disks/a_b',
    `/subscriptions/${'x'.repeat(300)}`,
  ]
  for (const id of ids) await store.create(id, 4096)
  await store.write(ids[0] ?? '', 0, Buffer.from('1'))
  expect(await store.read(ids[1] ?? '', 0, 1)).toEqual(Buffer.alloc(1))
})

test('an id that is taken is refused, and free again after it was removed', async () => {
  const { store } = await openStore()
  const { path } = await store.create('vol-1', 4096)
  await expect(store.create('vol-1', 4096)).rejects.toThrow('vol-1 is stored already')
  await store.remove('vol-1')
  await store.remove('vol-1')
  await expect(stat(path)).rejects.toThrow('ENOENT')
  await expect(store.read('vol-1', 0, 1)).rejects.toThrow('no stored disk vol-1')
  await store.create('vol-1', 4096)
})

test('a disk deleted while copies of it are made goes when they are whole, and its id is free at once', async () => {
  const { store } = await openStore()
  const data = randomBytes(8 * mib)
  const { path } = await store.create('vol-1', 64 * mib)
  await store.write('vol-1', 5, data)
  const copies = ['vol-2', 'vol-3'].map((id) => store.clone(id, 'vol-1'))
  const removed = store.remove('vol-1')
  expect(store.has('vol-1')).toBe(false)
  const again = store.create('vol-1', 4096)
  await Promise.all([...copies, removed])
  for (const id of ['vol-2', 'vol-3']) expect((await store.read(id, 5, data.length)).equals(data)).toBe(true)

  await again
  expect((await stat(path)).size).toBe(4096)
  await store.write('vol-1', 0, Buffer.from('new'))
  expect((await store.read('vol-1', 0, 4)).toString()).toBe('new\0')
})

test('more disks than files may be open are all usable at the same time', async () => {
  const { store } = await openStore()
  const ids = Array.from({ length: 100 }, (_, index) => `vol-${index}`)
  await Promise.all(ids.map((id) => store.create(id, 4096)))
  await Promise.all(ids.map((id) => store.write(id, 0, Buffer.from(id))))
  const texts = await Promise.all(ids.map(async (id) => (await store.read(id, 0, id.length)).toString()))
  expect(texts).toEqual(ids)
})

async function writeSparse(
  path: string,
  sizeBytes: number,
  pieces: [offset: number, text: string][],
): Promise<void> {
  const file = await open(path, 'w')
  await file.truncate(sizeBytes)
  for (const [offset, text] of pieces) await file.write(Buffer.from(text), 0, text.length, offset)
  await file.close()
}
