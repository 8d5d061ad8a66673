import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { outlines } from '#shared/jobs/outlines.ts'
import { wholeCalls } from '#test/crash/operations.ts'
import { settlesMs, stock, type CloudName, type Pair } from '#test/crash/pair.ts'
import { comeTo, delayCalls, kindsOf, movedVm, refusals } from '#test/crash/watch.ts'
import { calmLeaseMs, openWorld, type World } from '#test/crash/world.ts'

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
  world = await openWorld({ leaseMs: calmLeaseMs })
  await world.startWorker()
})
afterAll(() => world.close())

/** A few pairs per order, each used by one migration at a time: its VM is as it was when the migration has been undone. One that `use` calls unclean is used no more. */
const pairs = new Map<string, Pair[]>()
async function withPair(
  [from, to]: Order,
  running: boolean,
  use: (pair: Pair) => Promise<boolean>,
): Promise<boolean> {
  const key = `${from} ${to} ${running}`
  const free = pairs.get(key) ?? []
  pairs.set(key, free)
  const pair = free.pop() ?? (await world.openPair({ from, to, running, chunks: 3 }))
  const clean = await use(pair)
  if (clean) free.push(pair)
  return clean
}

/** Has a migration cancelled while a call of `step` is under way, which has its effect although nobody waits for its reply any more. */
async function cancelAt(pair: Pair, step: string, operations?: string[]) {
  const { jobId, begin } = await comeTo(world, pair, step)
  const arrived = delayCalls(pair, step, inFlightMs, operations)
  await begin()
  await world.until(`a call of ${step}`, arrived)
  const cancelledAtMs = Date.now()
  await world.cancel(jobId)
  pair.clearFaults()
  const job = await world.finished(jobId)
  // By now the last call has had its effect, also one that took effect after the undo.
  await sleep(inFlightMs)
  const tooLate = pair
    .calls()
    .some(
      ({ begunAtMs, doneAtMs = Infinity }) =>
        begunAtMs <= cancelledAtMs && doneAtMs > cancelledAtMs + settlesMs,
    )
  return { job, tooLate }
}

/**
 * A cancel of `step`, after which all must be gone. A machine that stood still for so long that a call had its effect later than the cloud says
 * it ever does shows nothing: the scene is played again, on stage of its own.
 */
async function expectCancelTakesAllBack(order: Order, step: string, operations?: string[]): Promise<void> {
  for (let scene = 1; scene <= scenes; scene += 1) {
    const played = await withPair(order, true, async (pair) => {
      const { job, tooLate } = await cancelAt(pair, step, operations)
      if (tooLate) return false
      expect(job).toMatchObject({ state: 'cancelled', problem: { code: 'cancelled' }, residue: [] })
      await expectAllTakenBack(pair, true)
      return true
    })
    if (played) return
  }
  throw new Error(
    `In ${scenes} scenes no call had its effect within the ${settlesMs} ms that a cloud takes to settle.`,
  )
}

const scenes = 4

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
    (step) => expectCancelTakesAllBack(order, step),
  )

  test.concurrent.each(undone)(
    'a permanent failure of %s leaves nothing at the destination and the source running',
    async (step) => {
      await withPair(order, true, async (pair) => {
        const job = await failAt(pair, step)
        expect(job).toMatchObject({ state: 'failed', problem: { code: 'forbidden', step }, residue: [] })
        await expectAllTakenBack(pair, true)
        return true
      })
    },
  )

  test.concurrent('a source that was stopped is stopped again after a failure', async () => {
    await withPair(order, false, async (pair) => {
      expect(await failAt(pair, 'create_vm')).toMatchObject({ state: 'failed', residue: [] })
      await expectAllTakenBack(pair, false)
      return true
    })
  })
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
    ['gcp', 'aws', 'snapshot', 'storage.objects.insert'],
    ['gcp', 'aws', 'snapshot', 'compute.images.insert'],
    ['gcp', 'aws', 'snapshot', 'cloudbuild.projects.builds.create'],
    ['gcp', 'aws', 'snapshot', 'cloudbuild.projects.builds.get'],
    ['azure', 'gcp', 'copy', 'storage.objects.compose'],
    ['azure', 'gcp', 'copy', 'compute.images.insert'],
    ['azure', 'gcp', 'verify', 'storage.objects.insert'],
    ['azure', 'gcp', 'verify', 'cloudbuild.projects.builds.create'],
    ['azure', 'gcp', 'verify', 'cloudbuild.projects.builds.get'],
  ] as const)('%s to %s: a cancel of %s at %s leaves nothing of it', (from, to, step, operation) =>
    expectCancelTakesAllBack([from, to], step, [operation]),
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
