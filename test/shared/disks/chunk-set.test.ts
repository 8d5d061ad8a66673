import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createChunkSet, members } from '#shared/disks/chunk-set.ts'

test('a chunk set behaves like a set of numbers', () => {
  const change = fc.oneof(
    fc.record({ do: fc.constant('add' as const), from: fc.nat(299), to: fc.constant(0) }),
    fc.record({ do: fc.constant('delete' as const), from: fc.nat(299), to: fc.constant(0) }),
    fc.record({ do: fc.constant('range' as const), from: fc.nat(300), to: fc.nat(300) }),
  )
  fc.assert(
    fc.property(fc.array(change, { maxLength: 30 }), (changes) => {
      const set = createChunkSet(300)
      const model = new Set<number>()
      for (const { do: what, from, to } of changes) {
        if (what === 'add') {
          set.add(from)
          model.add(from)
        } else if (what === 'delete') {
          set.delete(from)
          model.delete(from)
        } else {
          set.addRange(from, to)
          for (let chunk = from; chunk < to; chunk++) model.add(chunk)
        }
      }
      expect([...members(set)]).toEqual([...model].toSorted((a, b) => a - b))
      expect(set.size).toBe(model.size)
      for (let chunk = -1; chunk <= 301; chunk++) expect(set.has(chunk)).toBe(model.has(chunk))
    }),
  )
})

test('a chunk that the disk does not have cannot be added', () => {
  const set = createChunkSet(33)
  for (const chunk of [-1, 33, 0.5, NaN]) expect(() => set.add(chunk)).toThrow(RangeError)
  expect(() => set.addRange(30, 34)).toThrow(RangeError)
})

test('a 16 TiB disk takes one bit a chunk', () => {
  const count = (16 * 2 ** 40) / 2 ** 19
  const before = process.memoryUsage().arrayBuffers
  const set = createChunkSet(count)
  set.addRange(0, count)
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(5 * 2 ** 20)
  expect(set.size).toBe(count)
  expect(set.next(count - 1)).toBe(count - 1)
  expect(set.next(count)).toBe(-1)
})
