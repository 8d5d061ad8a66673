import { expect, test } from 'vitest'
import { createBatcher, Refusal } from '#shared/jobs/batch.ts'

test('calls of the same moment share a batch, and each gets its own result', async () => {
  const batches: number[][] = []
  const double = createBatcher(async (items: number[]) => {
    batches.push(items)
    return items.map((item) => item * 2)
  }, 100)
  expect(await Promise.all([1, 2, 3].map((item) => double(item)))).toEqual([2, 4, 6])
  expect(batches).toEqual([[1, 2, 3]])
})

test('what arrives while a batch is on its way gathers into the next, no larger than allowed', async () => {
  const batches: number[][] = []
  const { promise: held, resolve: release } = Promise.withResolvers<void>()
  const run = createBatcher(async (items: number[]) => {
    batches.push(items)
    if (batches.length === 1) await held
    return items
  }, 2)
  const first = run(1)
  await new Promise((resolve) => setImmediate(() => setImmediate(resolve)))
  const rest = [2, 3, 4].map((item) => run(item))
  release()
  expect(await Promise.all([first, ...rest])).toEqual([1, 2, 3, 4])
  expect(batches).toEqual([[1], [2, 3], [4]])
})

test('a batch that fails fails all of its callers, and the next batch runs all the same', async () => {
  let broken = true
  const run = createBatcher(async (items: number[]) => {
    if (broken) throw new Error('the database is away')
    return items
  }, 10)
  const results = await Promise.allSettled([run(1), run(2)])
  expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
  broken = false
  expect(await run(3)).toBe(3)
})

test('a batch may refuse one caller alone', async () => {
  const run = createBatcher(
    async (items: number[]) => items.map((item) => (item === 2 ? new Refusal(new Error('not two')) : item)),
    10,
  )
  const results = await Promise.allSettled([run(1), run(2), run(3)])
  expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
})
