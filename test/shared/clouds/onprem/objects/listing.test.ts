import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { listFolder } from '#shared/clouds/onprem/objects/listing.ts'
import { pathOf } from '#shared/clouds/onprem/objects/paths.ts'
import { createTap } from '#test/clouds/onprem/tap.ts'
import { makeBucket } from '#test/shared/clouds/onprem/objects/bucket.ts'

const key = fc
  .string({ unit: 'grapheme', minLength: 1, maxLength: 60 })
  .filter((text) => text.isWellFormed() && Buffer.byteLength(text) <= 1024)
const nasty = fc.constantFrom(
  '.',
  '..',
  '../../etc/passwd',
  '/',
  '//',
  'a/',
  '/a',
  'a//b',
  '\0',
  'x'.repeat(1024),
  `${'ü'.repeat(300)}/${'%'.repeat(200)}`,
  'staging/x',
)

test('every key has a path below its folder, and different keys have different ones', () => {
  fc.assert(
    fc.property(fc.oneof(key, nasty), fc.oneof(key, nasty), (one, other) => {
      const path = join('/root', ...pathOf('test', one))
      expect(relative('/root', path).startsWith('..')).toBe(false)
      for (const name of pathOf('test', one)) {
        expect(Buffer.byteLength(name)).toBeLessThanOrEqual(255)
        expect(name).not.toMatch(/^\.|[/\0]/)
      }
      expect(join('/root', ...pathOf('test', other)) === path).toBe(one === other)
    }),
  )
})

test.each(['', 'x'.repeat(1025), '\ud800'])(
  'a key that is empty, too long or no Unicode is refused',
  (bad) => {
    expect(() => pathOf('test', bad)).toThrow(expect.objectContaining({ code: 'invalid_request' }))
  },
)

test('a list has exactly the keys of its prefix, in their order, whatever the page', async () => {
  const alphabet = fc.string({
    unit: fc.constantFrom('a', 'b', '/', '-', '0', 'é'),
    minLength: 1,
    maxLength: 6,
  })
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(alphabet, { maxLength: 25 }),
      fc.string({ unit: fc.constantFrom('a', 'b', '/', '-'), maxLength: 3 }),
      fc.integer({ min: 1, max: 5 }),
      async (keys, prefix, pageEntries) => {
        const { gate, folder } = await makeBucket()
        for (const each of keys) {
          const path = join(folder, ...pathOf('test', each))
          await mkdir(dirname(path), { recursive: true })
          await writeFile(path, '')
        }
        const listed = await Array.fromAsync(listFolder(gate, folder, prefix, pageEntries))
        const wanted = keys.filter((each) => each.startsWith(prefix))
        expect(listed.map(({ object }) => object.key)).toEqual(wanted.toSorted((a, b) => (a < b ? -1 : 1)))
      },
    ),
    { numRuns: 60 },
  )
})

test('a key too long for one name is listed by every beginning of it', async () => {
  const { gate, folder } = await makeBucket()
  const long = `${'ä'.repeat(100)}x/${'y'.repeat(600)}`
  const path = join(folder, ...pathOf('test', long))
  await mkdir(dirname(path), { recursive: true })
  await writeFile(path, '')
  for (const at of [0, 1, 50, 99, 101, 102, 300, 500, long.length]) {
    const listed = await Array.fromAsync(listFolder(gate, folder, long.slice(0, at)))
    expect(listed.map(({ object }) => object.key)).toEqual([long])
  }
  expect(await Array.fromAsync(listFolder(gate, folder, `${long}z`))).toEqual([])
})

test('what was not written by the store is not listed', async () => {
  const { gate, folder } = await makeBucket()
  await mkdir(folder)
  for (const name of ['.nfs0001', 'o%E0%A4%A', 'x', 'ok']) await writeFile(join(folder, name), '')
  const listed = await Array.fromAsync(listFolder(gate, folder, ''))
  expect(listed.map(({ object }) => object.key)).toEqual(['k'])
})

test('a list goes on page by page while it is read, however many objects a folder has', async () => {
  const tap = createTap()
  const { gate, folder } = await makeBucket({ intercept: tap.interceptorFor('worker') })
  await mkdir(folder)
  const keys = Array.from({ length: 95 }, (_, nr) => `object-${String(nr).padStart(3, '0')}`)
  for (const each of keys.toReversed()) await writeFile(join(folder, ...pathOf('test', each)), '')
  const seen: string[] = []
  for await (const { object } of listFolder(gate, folder, '', 10)) {
    seen.push(object.key)
    expect(tap.calls()).toHaveLength(Math.ceil(seen.length / 10))
  }
  expect(seen).toEqual(keys)
})
