import { randomUUID } from 'node:crypto'
import { readdir, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { Site } from '#shared/clouds/onprem/hosts.ts'
import { isExpired } from '#shared/clouds/onprem/objects/lifecycle.ts'
import { createObjectStorage } from '#shared/clouds/onprem/objects/storage.ts'
import { storePlace } from '#shared/clouds/onprem/objects/store.ts'
import { tidyUp } from '#shared/clouds/onprem/upkeep.ts'
import type { LifecycleRule } from '#shared/clouds/port.ts'
import { bodyOf } from '#test/shared/clouds/onprem/objects/bucket.ts'
import { openSiteOfTest, owner } from '#test/shared/clouds/onprem/site.ts'

const dayMs = 86_400_000
const rule: LifecycleRule = { id: 'old', prefix: 'logs/', coolAfterDays: 1, expireAfterDays: 30 }

async function makeBucket(site: Site, versioning: boolean) {
  const storage = createObjectStorage(site)
  const name = `b-${randomUUID().slice(0, 8)}`
  const wishes = { token: randomUUID(), tags: owner, region: 'lab', name, versioning }
  const bucket = await storage.buckets.create({ ...wishes, lifecycle: [rule] })
  const place = storePlace(site)
  const folder = join('folder' in place ? place.folder : '', 'lab', name)
  const put = (key: string) =>
    storage.objects.write(bucket, { key, sizeBytes: 1, body: bodyOf(Buffer.from('x')) })
  const age = (key: string, days: number) => {
    const then = new Date(Date.now() - days * dayMs)
    const [head, tail] = key.split('/')
    return utimes(join(folder, 'objects', `d${head}`, `o${tail}`), then, then)
  }
  const keys = async () =>
    (await Array.fromAsync(storage.objects.list(bucket, { prefix: '' }))).map((object) => object.key)
  const files = async (part: string) =>
    (await readdir(join(folder, part), { recursive: true, withFileTypes: true }).catch(() => [])).filter(
      (each) => each.isFile(),
    ).length
  return { storage, bucket, put, age, keys, files }
}

test('an object is let go when its age reaches that of a rule for its key', () => {
  const now = Date.parse('2026-05-31T00:00:00Z')
  const aged = (key: string, days: number) => ({ key, modifiedAt: new Date(now - days * dayMs) })
  expect(isExpired([rule], aged('logs/a', 30), now)).toBe(true)
  expect(isExpired([rule], aged('logs/a', 29.99), now)).toBe(false)
  expect(isExpired([rule], aged('other', 300), now)).toBe(false)
  expect(isExpired([{ id: 'cool', prefix: '', coolAfterDays: 1 }], aged('a', 300), now)).toBe(false)
  expect(isExpired([], aged('a', 300), now)).toBe(false)
})

test('what a rule lets go is not listed, and gone for good after the next tidying', async () => {
  const site = await openSiteOfTest()
  const { put, age, keys, files } = await makeBucket(site, false)
  for (const key of ['logs/old', 'logs/new', 'kept/old']) await put(key)
  await age('logs/old', 31)
  await age('kept/old', 31)
  expect(await keys()).toEqual(['kept/old', 'logs/new'])
  expect(await files('objects')).toBe(3)
  expect(await tidyUp(site)).toEqual({ objectsDeleted: 1 })
  expect(await files('objects')).toBe(2)
  expect(await tidyUp(site)).toEqual({ objectsDeleted: 0 })
})

test('with versions it is kept as one for as long again', async () => {
  const site = await openSiteOfTest()
  const { put, age, keys, files } = await makeBucket(site, true)
  await put('logs/old')
  await age('logs/old', 31)
  await tidyUp(site)
  expect(await keys()).toEqual([])
  expect(await files('versions')).toBe(1)
  await tidyUp(site, Date.now() + 29 * dayMs)
  expect(await files('versions')).toBe(1)
  await tidyUp(site, Date.now() + 31 * dayMs)
  expect(await files('versions')).toBe(0)
})

test('what a writer that died left half written is removed after a day', async () => {
  const site = await openSiteOfTest()
  const { storage, bucket, put, files } = await makeBucket(site, false)
  await put('logs/whole')
  let release: () => void = () => undefined
  const held = new Promise<void>((resolve) => {
    release = resolve
  })
  async function* endless() {
    yield Buffer.alloc(2 ** 20)
    await held
    throw new Error('died')
  }
  const writing = storage.objects.write(bucket, { key: 'half', sizeBytes: 2 ** 30, body: endless() })
  writing.catch(() => undefined)
  while ((await files('staging')) === 0) await new Promise((resolve) => setImmediate(resolve))
  await tidyUp(site)
  expect(await files('staging')).toBe(1)
  await tidyUp(site, Date.now() + 2 * dayMs)
  expect(await files('staging')).toBe(0)
  release()
  await expect(writing).rejects.toThrow('died')
})

test('without a key for them objects are not encrypted, and that is told; a demand for encryption is refused', async () => {
  const site = await openSiteOfTest({ credentials: {} })
  const { storage, bucket } = await makeBucket(site, false)
  expect((await storage.buckets.get(bucket))?.encrypted).toBe(false)
  const wishes = {
    token: randomUUID(),
    tags: owner,
    region: 'lab',
    name: 'sealed',
    versioning: false,
    lifecycle: [],
  }
  await expect(storage.buckets.create({ ...wishes, encryption: {} })).rejects.toMatchObject({
    code: 'invalid_request',
    remedy: expect.stringContaining('volume_key') as string,
  })
})

test.each(['ab', 'Abc', '-abc', 'a.b', '../x', 'a'.repeat(64)])(
  'the bucket name "%s" is refused',
  async (name) => {
    const { buckets } = createObjectStorage(await openSiteOfTest())
    const wishes = { token: randomUUID(), tags: owner, region: 'lab', versioning: false, lifecycle: [] }
    await expect(buckets.create({ ...wishes, name })).rejects.toMatchObject({
      code: 'invalid_request',
      details: { field: 'name' },
    })
    expect(await buckets.get({ region: 'lab', id: name })).toBeUndefined()
  },
)
