import { randomBytes } from 'node:crypto'
import { readdir } from 'node:fs/promises'
import { buffer } from 'node:stream/consumers'
import { expect, test } from 'vitest'
import { crc32c } from './crc32c.ts'
import { createObjectStore } from './objects.ts'
import { temporaryDir } from './temporary.ts'

const open = async () => {
  const dir = await temporaryDir()
  return { dir, store: createObjectStore<string>(dir) }
}

test('the checksum is Castagnoli’s, also when the bytes come in pieces', () => {
  // RFC 3720, B.4: CRC examples.
  expect(crc32c(Buffer.alloc(32))).toBe(0x8a9136aa)
  expect(crc32c(Buffer.alloc(32, 0xff))).toBe(0x62a8ab43)
  expect(crc32c(Buffer.from(Array.from({ length: 32 }, (_, index) => index)))).toBe(0x46dd794e)
  const data = randomBytes(1001)
  expect(crc32c(data.subarray(13), crc32c(data.subarray(0, 13)))).toBe(crc32c(data))
})

test('an object is given back with its bytes, whole and in part, and with its digests', async () => {
  const { store } = await open()
  const data = randomBytes(3_000_000)
  const put = await store.put('b', 'k', [data.subarray(0, 7), data.subarray(7)], 'meta')
  expect(put).toMatchObject({ sizeBytes: data.length, meta: 'meta', crc32c: crc32c(data) })
  expect(store.stat('b', 'k')).toEqual(put)
  expect((await buffer(store.read('b', 'k'))).equals(data)).toBe(true)
  const part = await buffer(store.read('b', 'k', { offset: 1_500_000, length: 17 }))
  expect(part.equals(data.subarray(1_500_000, 1_500_017))).toBe(true)
  expect(await buffer(store.read('b', 'k', { offset: data.length }))).toHaveLength(0)
  await expect(buffer(store.read('b', 'k', { offset: data.length - 1, length: 2 }))).rejects.toThrow(
    RangeError,
  )
})

test('a body that fails changes nothing and leaves no file', async () => {
  const { dir, store } = await open()
  const first = await store.put('b', 'k', [Buffer.from('first')], 'meta')
  async function* failing() {
    yield Buffer.from('seco')
    throw await Promise.resolve(new Error('cut'))
  }
  await expect(store.put('b', 'k', failing(), 'meta')).rejects.toThrow('cut')
  expect(store.stat('b', 'k')).toEqual(first)
  expect(await readdir(dir)).toHaveLength(1)
})

test('who reads while an object is replaced gets the old bytes to their end', async () => {
  const { store } = await open()
  const old = randomBytes(4_000_000)
  const first = await store.put('b', 'k', [old], '')
  const reading = store.read('b', 'k')[Symbol.asyncIterator]()
  const begun = await reading.next()
  const second = await store.put('b', 'k', [Buffer.from('new')], '')
  expect(second.generation).toBeGreaterThan(first.generation)
  const rest = await buffer({ [Symbol.asyncIterator]: () => reading })
  expect(Buffer.concat([begun.value as Buffer, rest]).equals(old)).toBe(true)
})

test('lists follow the bytes of the keys, within a bucket and a prefix', async () => {
  const { store } = await open()
  for (const key of ['b/2', 'a', 'b/10', 'b/\u{1f600}', 'b/\uffee']) await store.put('one', key, [], '')
  await store.put('other', 'b/3', [], '')
  expect(store.list('one', 'b/').map(({ key }) => key)).toEqual(['b/10', 'b/2', 'b/\uffee', 'b/\u{1f600}'])
  expect(store.list('none')).toEqual([])
})

test('composing joins objects in the order given and keeps them', async () => {
  const { store } = await open()
  await store.put('b', 'x', [Buffer.from('xx')], '')
  await store.put('b', 'y', [Buffer.from('y')], '')
  const whole = await store.compose('b', ['y', 'x', 'y'], 'x', 'joined')
  expect(String(await buffer(store.read('b', 'x')))).toBe('yxxy')
  expect(whole.crc32c).toBe(crc32c(Buffer.from('yxxy')))
  await expect(store.compose('b', ['gone'], 'x', '')).rejects.toThrow('b/gone')
})

test('deleting says whether there was something', async () => {
  const { dir, store } = await open()
  await store.put('b', 'k', [], '')
  expect(await store.delete('b', 'k')).toBe(true)
  expect(await store.delete('b', 'k')).toBe(false)
  expect(await readdir(dir)).toEqual([])
})
