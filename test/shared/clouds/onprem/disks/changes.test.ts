import fc from 'fast-check'
import { expect, test } from 'vitest'
import { merged } from '#shared/clouds/onprem/disks/changes.ts'
import type { Extent } from '#shared/disks/port.ts'

const diskBytes = 64

async function* listed(extents: readonly Extent[]) {
  for (const extent of extents) yield await Promise.resolve(extent)
}

/** Ascending and not overlapping, as a source lists them; perhaps touching. */
const extents = fc
  .uniqueArray(fc.integer({ min: 0, max: diskBytes }), { maxLength: 12 })
  .map((points) => points.toSorted((a, b) => a - b))
  .map((points) =>
    points.flatMap((offset, index) => {
      const end = points[index + 1]
      return index % 3 === 2 || end === undefined ? [] : [{ offset, length: end - offset }]
    }),
  )

const bytesOf = (all: readonly Extent[]) =>
  new Set(all.flatMap(({ offset, length }) => Array.from({ length }, (_, index) => offset + index)))

test('the extents of two sources together cover exactly what either covers, in order and without overlap', async () => {
  await fc.assert(
    fc.asyncProperty(extents, extents, async (one, other) => {
      const both = await Array.fromAsync(merged(listed(one), listed(other)))
      expect(bytesOf(both)).toEqual(bytesOf([...one, ...other]))
      let end = -1
      for (const { offset, length } of both) {
        expect(offset).toBeGreaterThan(end)
        expect(length).toBeGreaterThan(0)
        end = offset + length
      }
    }),
  )
})
