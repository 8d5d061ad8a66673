import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { listFolder } from '#shared/clouds/onprem/objects/listing.ts'
import { pathOf } from '#shared/clouds/onprem/objects/paths.ts'
import { createTap } from '#test/clouds/onprem/tap.ts'
import { makeBucket } from '#test/shared/clouds/onprem/objects/bucket.ts'

test('more than 100,000 objects of one folder are listed whole, once and in order, a page at a time', async () => {
  const tap = createTap()
  const { gate, folder } = await makeBucket({ intercept: tap.interceptorFor('worker') })
  mkdirSync(folder)
  const count = 105_000
  const keyOf = (nr: number) => `object-${String(nr).padStart(7, '0')}`
  for (let nr = 0; nr < count; nr += 1) writeFileSync(join(folder, ...pathOf('test', keyOf(nr))), '')
  let nr = 0
  for await (const { object } of listFolder(gate, folder, '')) {
    if (object.key !== keyOf(nr)) throw new Error(`${object.key} in the place of ${keyOf(nr)}`)
    nr += 1
  }
  expect(nr).toBe(count)
  expect(tap.calls()).toHaveLength(11)
}, 120_000)
