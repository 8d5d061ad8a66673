import fc from 'fast-check'
import { expect, test } from 'vitest'
import { labelsOf, tagsOf } from '#shared/clouds/gcp/storage/labels.ts'

const isLabel = ([key, value]: [string, string]): boolean =>
  /^[a-z][a-z0-9_-]{0,62}$/.test(key) && /^[a-z0-9_-]{0,63}$/.test(value)

test('any tag of up to 38 bytes is a legal label, and comes back as it was', () => {
  const word = fc.string({ unit: 'binary', maxLength: 9 }).filter((text) => text.isWellFormed())
  const key = word.filter((text) => text !== '' && text !== '__proto__')
  fc.assert(
    fc.property(fc.dictionary(key, word), (tags) => {
      const labels = labelsOf(tags)
      expect(Object.entries(labels).filter((label) => !isLabel(label))).toEqual([])
      expect(tagsOf(labels)).toEqual({ ...tags })
    }),
  )
})

test('owner tags stand as they are, so that people can search for them', () => {
  const tags = { 'novacron-job': 'job_0198f6d2-0000-7000-8000-000000000001', 'novacron-tenant': 'acme' }
  expect(labelsOf(tags)).toEqual(tags)
})

test('a tag that looks like an encoded one is not taken for one', () => {
  expect(tagsOf(labelsOf({ x_85n6s8225o: 'x_85n6s8225o' }))).toEqual({ x_85n6s8225o: 'x_85n6s8225o' })
})

test('a tag that is too long is refused by its name', () => {
  expect(() => labelsOf({ note: 'Ü'.repeat(30) })).toThrow(
    expect.objectContaining({ code: 'invalid_request', details: { field: 'tags.note' } }),
  )
})
