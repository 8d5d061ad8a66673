import { randomBytes } from 'node:crypto'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { expect, test } from 'vitest'
import {
  deleteObject,
  holdsObjects,
  readObject,
  removeFolder,
  writeObject,
  type FolderBucket,
} from '#shared/clouds/onprem/objects/folder.ts'
import { listFolder } from '#shared/clouds/onprem/objects/listing.ts'
import { recordBytes, storedBytes } from '#shared/clouds/onprem/objects/sealed.ts'
import { createTap } from '#test/clouds/onprem/tap.ts'
import { bodyOf, makeBucket } from '#test/shared/clouds/onprem/objects/bucket.ts'

const put = (bucket: FolderBucket, key: string, data: Buffer) =>
  writeObject(bucket, { key, sizeBytes: data.length, body: bodyOf(data) })
const get = (bucket: FolderBucket, key: string, range: { offset?: number; length?: number } = {}) =>
  buffer(readObject(bucket, { key, ...range }))
const files = async ({ folder }: FolderBucket) =>
  (await readdir(folder, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name))

test.each([
  ['encrypted', {}],
  ['plain', { passphrase: undefined }],
])('%s: any range of an object is read back as it was written', async (_, changes) => {
  const bucket = await makeBucket()
  if ('passphrase' in changes) delete bucket.passphrase
  const data = randomBytes(20 * recordBytes + 17)
  await put(bucket, 'data', data)
  const ranges: [number, number][] = [
    [0, data.length],
    [0, 1],
    [recordBytes - 1, 2],
    [recordBytes, recordBytes],
    [16 * recordBytes - 5, 10],
    [data.length - 1, 1],
    [data.length - 20, 100],
    [data.length, 5],
  ]
  for (const [offset, length] of ranges)
    expect(await get(bucket, 'data', { offset, length })).toEqual(data.subarray(offset, offset + length))
})

test.each([0, 1, recordBytes, recordBytes + 1, 16 * recordBytes])(
  'the size of an object of %i bytes is told by its file alone',
  async (sizeBytes) => {
    const bucket = await makeBucket()
    await put(bucket, 'sized', Buffer.alloc(sizeBytes, 7))
    const [listed] = await Array.fromAsync(listFolder(bucket.gate, join(bucket.folder, 'objects'), ''))
    expect(listed?.object.sizeBytes).toBe(sizeBytes)
    const [path] = await files(bucket)
    expect((await readFile(path ?? '')).length).toBe(storedBytes(sizeBytes))
    expect(await get(bucket, 'sized')).toHaveLength(sizeBytes)
  },
)

test('neither the content nor the header of an encrypted object is in the clear, and the same content never looks the same', async () => {
  const bucket = await makeBucket()
  const secret = Buffer.from('the quick brown fox '.repeat(100))
  await put(bucket, 'one', secret)
  await put(bucket, 'two', secret)
  const [one, two] = await Promise.all((await files(bucket)).map((path) => readFile(path)))
  expect(one?.includes('quick brown')).toBe(false)
  expect(one?.subarray(80).equals(two?.subarray(80) ?? Buffer.alloc(0))).toBe(false)
})

test.each([
  ['encrypted', true],
  ['plain', false],
])(
  '%s: a changed byte, a cut end, and a file in the place of another are seen when read',
  async (_, keyed) => {
    const bucket = await makeBucket()
    if (!keyed) delete bucket.passphrase
    const data = randomBytes(3 * recordBytes)
    await put(bucket, 'one', data)
    await put(bucket, 'two', data)
    const [path = '', other = ''] = await files(bucket)
    const bytes = await readFile(path)
    const key = path.endsWith('oone') ? 'one' : 'two'
    const damage: Buffer[] = [
      ...[0, 5, 15, 20, 40, 70, 80, 190_000, bytes.length - 1].map((at) => {
        const changed = Buffer.from(bytes)
        changed.writeUInt8(changed.readUInt8(at) ^ 1, at)
        return changed
      }),
      bytes.subarray(0, bytes.length - 1),
      bytes.subarray(0, storedBytes(2 * recordBytes)),
      bytes.subarray(0, 40),
      // Two records exchanged.
      Buffer.concat([
        bytes.subarray(0, 80),
        bytes.subarray(65_632, 131_184),
        bytes.subarray(80, 65_632),
        bytes.subarray(131_184),
      ]),
      await readFile(other),
    ]
    for (const [nr, content] of damage.entries()) {
      await writeFile(path, content)
      await expect(get(bucket, key), `damage ${nr}`).rejects.toMatchObject({ code: 'integrity' })
    }
    await writeFile(path, bytes)
    expect(await get(bucket, key)).toEqual(data)
  },
)

test('with another key nothing is read', async () => {
  const bucket = await makeBucket()
  await put(bucket, 'sealed', Buffer.from('x'))
  const stranger = { ...bucket, passphrase: randomBytes(32).toString('base64') }
  await expect(get(stranger, 'sealed')).rejects.toMatchObject({ code: 'integrity' })
})

test('bytes that are changed on their way to the disk or from it are seen', async () => {
  const tap = createTap()
  const bucket = await makeBucket({ intercept: tap.interceptorFor('worker') })
  tap.inject({ operation: 'object write', mode: 'corrupt_stored', skip: 1 })
  await put(bucket, 'stored', randomBytes(1000))
  await expect(get(bucket, 'stored')).rejects.toMatchObject({ code: 'integrity' })
  await put(bucket, 'read', randomBytes(1000))
  tap.inject({ operation: 'object read', mode: 'corrupt_read', skip: 2 })
  await expect(get(bucket, 'read')).rejects.toMatchObject({ code: 'integrity' })
  expect(await get(bucket, 'read')).toHaveLength(1000)
})

test('a write that fails at any point leaves the object as it was, and no file behind', async () => {
  const tap = createTap()
  const bucket = await makeBucket({ intercept: tap.interceptorFor('worker') })
  const before = randomBytes(100)
  await put(bucket, 'kept', before)
  for (const operation of ['object create', 'object write', 'object commit']) {
    tap.inject({ operation, mode: 'error', code: 'ENOSPC' })
    await expect(put(bucket, 'kept', randomBytes(100_000)), `refused: ${operation}`).rejects.toMatchObject({
      code: 'capacity',
    })
    expect(await get(bucket, 'kept')).toEqual(before)
    expect(await files(bucket)).toHaveLength(1)
  }
  async function* broken() {
    yield await Promise.resolve(randomBytes(2 * 2 ** 20))
    throw new Error('the source went away')
  }
  await expect(writeObject(bucket, { key: 'kept', sizeBytes: 3 * 2 ** 20, body: broken() })).rejects.toThrow(
    'the source went away',
  )
  expect(await files(bucket)).toHaveLength(1)
})

test('a reader keeps the object that it began with while another is written in its place', async () => {
  const bucket = await makeBucket()
  const before = randomBytes(3 * 2 ** 20)
  await put(bucket, 'swapped', before)
  const reader = readObject(bucket, { key: 'swapped' })
  const first = await reader.next()
  await put(bucket, 'swapped', randomBytes(10))
  const rest = await buffer(reader)
  expect(Buffer.concat([first.value as Buffer, rest]).equals(before)).toBe(true)
})

test('with versioning what is overwritten or deleted is kept, else nothing is', async () => {
  const versioned = await makeBucket({ versioning: true })
  await put(versioned, 'a/b', Buffer.from('one'))
  await put(versioned, 'a/b', Buffer.from('two'))
  await deleteObject(versioned, 'a/b')
  expect(await files(versioned)).toHaveLength(2)
  expect(await holdsObjects(versioned)).toBe(true)
  await expect(get(versioned, 'a/b')).rejects.toMatchObject({ code: 'not_found' })

  const plain = await makeBucket()
  await put(plain, 'a/b', Buffer.from('one'))
  await put(plain, 'a/b', Buffer.from('two'))
  await put(plain, 'a/c', Buffer.from('three'))
  await deleteObject(plain, 'a/b')
  expect(await get(plain, 'a/c')).toEqual(Buffer.from('three'))
  await deleteObject(plain, 'a/c')
  expect(await files(plain)).toEqual([])
  expect(await holdsObjects(plain)).toBe(false)
})

test('objects of one folder are written and deleted at the same time without losing any', async () => {
  const bucket = await makeBucket()
  await Promise.all(
    Array.from({ length: 40 }, async (_, nr) => {
      await put(bucket, `deep/er/${nr}`, Buffer.from(String(nr)))
      if (nr % 2 === 0) await deleteObject(bucket, `deep/er/${nr}`)
    }),
  )
  const listed = await Array.fromAsync(listFolder(bucket.gate, join(bucket.folder, 'objects'), 'deep/'))
  expect(listed).toHaveLength(20)
})

test('a removed folder is gone, also if an earlier removal broke off', async () => {
  const bucket = await makeBucket()
  await put(bucket, 'x', Buffer.from('x'))
  await writeFile(`${bucket.folder}.deleted`, 'half')
  await removeFolder(bucket)
  await removeFolder(bucket)
  await expect(readdir(bucket.folder)).rejects.toMatchObject({ code: 'ENOENT' })
  await expect(readFile(`${bucket.folder}.deleted`)).rejects.toMatchObject({ code: 'ENOENT' })
})
