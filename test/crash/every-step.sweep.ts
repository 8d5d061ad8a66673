import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { outlines } from '#shared/jobs/outlines.ts'
import { wholeCalls } from '#test/crash/operations.ts'
import { stock, type CloudName, type Pair } from '#test/crash/pair.ts'
import { comeTo, delayCalls, kindsOf, movedVm, refusals } from '#test/crash/watch.ts'
import { openWorld, type World } from '#test/crash/world.ts'

const orders = [
  ['aws', 'azure'],
  ['azure', 'aws'],
  ['azure', 'gcp'],
  ['gcp', 'aws'],
] as const satisfies [CloudName, CloudName][]
type Order = readonly [CloudName, CloudName]
const steps = outlines['migration.cold'].steps.map(({ name }) => name)
const undone = steps.slice(0, steps.indexOf('commit') + 1)

/** Shorter than the clouds take to settle, so that what was under way has had its effect when the undo believes its eyes. */
const inFlightMs = 300

let world: World
beforeAll(async () => {
  world = await openWorld()
  await world.startWorker()
})
afterAll(() => world.close())

/** A few pairs per order, each used by one migration at a time: its VM is as it was when the migration has been undone. */
const pairs = new Map<string, Pair[]>()
async function withPair(
  [from, to]: Order,
  running: boolean,
  use: (pair: Pair) => Promise<void>,
): Promise<void> {
  const key = `${from} ${to} ${running}`
  const free = pairs.get(key) ?? []
  pairs.set(key, free)
  const pair = free.pop() ?? (await world.openPair({ from, to, running, chunks: 3 }))
  await use(pair)
  free.push(pair)
}

/** Has a migration cancelled while a call of `step` is under way, which has its effect although nobody waits for its reply any more. */
async function cancelAt(pair: Pair, step: string, operations?: string[]) {
  const { jobId, begin } = await comeTo(world, pair, step)
  const arrived = delayCalls(pair, step, inFlightMs, operations)
  await begin()
  await world.until(`a call of ${step}`, arrived)
  await world.cancel(jobId)
  pair.clearFaults()
  const job = await world.finished(jobId)
  // By now the last call has had its effect, also one that took effect after the undo.
  await sleep(inFlightMs)
  return job
}

/** Has every call of `step` refused. */
async function failAt(pair: Pair, step: string) {
  const { jobId, begin } = await comeTo(world, pair, step)
  for (const { name, loopback } of [pair.source, pair.destination])
    loopback.inject({ operation: '*', mode: 'error', ...refusals[name], times: 10_000 })
  const wayBack = await world.hold(jobId, 'undo', '*')
  await begin()
  await Promise.race([world.finished(jobId), world.until('the way back to begin', () => wayBack.reached())])
  pair.clearFaults()
  await wayBack.open()
  return world.finished(jobId)
}

async function expectAllTakenBack(pair: Pair, running: boolean): Promise<void> {
  expect(pair.leftovers()).toEqual([])
  expect((await pair.sourceVm())?.state).toBe(running ? 'running' : 'stopped')
}

describe.each<Order>(orders)('%s to %s', (...order) => {
  test.concurrent.each(undone)(
    'a cancel in the middle of %s leaves nothing at the destination and the source running',
    (step) =>
      withPair(order, true, async (pair) => {
        const job = await cancelAt(pair, step)
        expect(job).toMatchObject({ state: 'cancelled', problem: { code: 'cancelled' }, residue: [] })
        await expectAllTakenBack(pair, true)
      }),
  )

  test.concurrent.each(undone)(
    'a permanent failure of %s leaves nothing at the destination and the source running',
    (step) =>
      withPair(order, true, async (pair) => {
        const job = await failAt(pair, step)
        expect(job).toMatchObject({ state: 'failed', problem: { code: 'forbidden', step }, residue: [] })
        await expectAllTakenBack(pair, true)
      }),
  )

  test.concurrent('a source that was stopped is stopped again after a failure', () =>
    withPair(order, false, async (pair) => {
      expect(await failAt(pair, 'create_vm')).toMatchObject({ state: 'failed', residue: [] })
      await expectAllTakenBack(pair, false)
    }))
})

test.concurrent.each(wholeCalls.gcp.inOneStep ?? [])(
  'gcp to aws: where the reply to %s is lost, everything is still made once and nothing is left over',
  async (operation) => {
    const pair = await world.openPair({ from: 'gcp', to: 'aws', chunks: 3 })
    pair.source.loopback.inject({ operation, mode: 'drop_reply' })
    expect(await world.finished(await pair.migrate())).toMatchObject({ state: 'succeeded', residue: [] })
    expect(await pair.destinationIsIdentical()).toBe(true)
    expect(kindsOf(pair.leftovers())).toEqual(movedVm.aws)
    expect(pair.calls().map((call) => call.operation)).toContain(operation)
  },
)

/** Google Cloud works on long after a call has been answered; each of these goes on for a while. */
describe('work of Google Cloud that goes on when nobody waits for it any more', () => {
  test.concurrent.each([
    ['gcp', 'aws', 'snapshot', 'compute.images.insert'],
    ['gcp', 'aws', 'snapshot', 'cloudbuild.projects.builds.create'],
    ['gcp', 'aws', 'snapshot', 'cloudbuild.projects.builds.get'],
    ['azure', 'gcp', 'copy', 'storage.objects.compose'],
    ['azure', 'gcp', 'copy', 'compute.images.insert'],
    ['azure', 'gcp', 'verify', 'cloudbuild.projects.builds.create'],
    ['azure', 'gcp', 'verify', 'cloudbuild.projects.builds.get'],
  ] as const)('%s to %s: a cancel of %s at %s leaves nothing of it', (from, to, step, operation) =>
    withPair([from, to], true, async (pair) => {
      expect(await cancelAt(pair, step, [operation])).toMatchObject({ state: 'cancelled', residue: [] })
      await sleep(inFlightMs)
      await expectAllTakenBack(pair, true)
    }),
  )
})

describe('after the commit', () => {
  test.concurrent.each([
    ['aws', 'azure', ['aws snapshot']],
    ['gcp', 'aws', ['gcp object', 'gcp object', 'gcp object', 'gcp snapshots']],
  ] as const)(
    '%s to %s: what cannot be cleaned up is named as residue, and the migration stands',
    async (from, to, kept) => {
      const pair = await world.openPair({ from, to, chunks: 3 })
      const { jobId, begin } = await comeTo(world, pair, 'clean_up')
      pair.source.loopback.inject({ operation: '*', mode: 'error', ...refusals[from], times: 10_000 })
      await begin()
      const job = await world.finished(jobId)
      pair.clearFaults()
      expect(job).toMatchObject({ state: 'succeeded', problem: null })
      expect(job.residue).toMatchObject([{ step: 'clean_up', problem: { code: 'forbidden' } }])
      expect(await pair.destinationIsIdentical()).toBe(true)
      expect(kindsOf(pair.leftovers())).toEqual([...kept, ...movedVm[to]].toSorted())
    },
  )

  test.concurrent('a cancel comes too late: the migration stands', async () => {
    const pair = await world.openPair({ from: 'aws', to: 'azure', chunks: 3 })
    const { jobId, begin } = await comeTo(world, pair, 'clean_up')
    await world.cancel(jobId)
    await begin()
    expect(await world.finished(jobId)).toMatchObject({ state: 'succeeded', residue: [] })
    expect((await pair.sourceVm())?.state).toBe('stopped')
  })

  test.concurrent.each<Order>(orders)(
    '%s to %s: a source that is to be deleted is deleted with everything of it',
    async (from, to) => {
      const pair = await world.openPair({ from, to, chunks: 3 })
      const jobId = await pair.migrate({ delete_source: true })
      expect(await world.finished(jobId)).toMatchObject({ state: 'succeeded', residue: [] })
      expect([undefined, 'terminated']).toContain((await pair.sourceVm())?.state)
      expect(stock(pair.source)).toEqual([])
      expect(await pair.destinationIsIdentical()).toBe(true)
    },
  )
})
