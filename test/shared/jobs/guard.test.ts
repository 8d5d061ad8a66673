import { afterAll, beforeAll, expect, test } from 'vitest'
import { beforeCall, callSignal } from '#shared/clouds/scope.ts'
import { stepsOf } from '#shared/jobs/chain.ts'
import { createHarness, testChain, type Harness } from '#test/shared/jobs/harness.ts'

const leaseMs = 500
const step = stepsOf<object, object>()

/** What each try of the step's cloud call came to. */
const calls: string[] = []

/** A step that loses all sense of time on its first try, as a process does that is paused, and then calls a cloud at once. */
const chain = testChain('test.guard', [
  step('call', {
    effect: 'none',
    async run({ holding }) {
      if (holding.fence === 1) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, leaseMs + 200)
      try {
        beforeCall()
        calls.push(`called under fence ${holding.fence}`)
      } catch (error) {
        calls.push(`refused under fence ${holding.fence}`)
        throw error
      }
    },
  }),
])

let harness: Harness
beforeAll(async () => {
  harness = await createHarness([chain])
  await harness.start({ leaseMs })
})
afterAll(() => harness.close())

test('a step whose lease ran out while its process stood still is refused its very next cloud call', async () => {
  const jobId = await harness.submit('test.guard')
  expect(await harness.finished(jobId)).toMatchObject({ state: 'succeeded' })
  expect(calls).toEqual(['refused under fence 1', 'called under fence 2'])
})

test('outside of a step nothing guards a cloud call', () => {
  expect(() => beforeCall()).not.toThrow()
  expect(callSignal()).toBeUndefined()
})
