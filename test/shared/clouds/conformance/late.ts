import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { withCallScope } from '#shared/clouds/scope.ts'
import type { Work } from '#test/shared/clouds/conformance/late-works.ts'
import { intentOf, newJob, removeAll, until, type Subject } from '#test/shared/clouds/conformance/subject.ts'
import { can } from '#test/shared/clouds/conformance/things.ts'
import { removeTagged } from '#workers/undo-owned.ts'

/**
 * Of each work, each call that changes something is cut off while it is under way and has its effect only when the undo has begun to look; then
 * nothing may be left. `subject` is filled before the tests run.
 * @param options `brief`: each call once, at the worst moment; `quick`: options of a registration whose inventory settles soon, for a subject
 * whose own takes seconds.
 */
export function lateArrivals(
  given: Subject,
  works: readonly Work[],
  { brief = false, quick }: { brief?: boolean; quick?: Record<string, unknown> } = {},
): void {
  describe('what comes to be while it is taken back is taken back, too:', () => {
    const subject = {} as Subject
    const isSlow = () => quick !== undefined && given.cloud.inventory.settlesMs > 1_000
    beforeAll(async () => {
      Object.assign(subject, given, isSlow() ? { cloud: await given.reopen({ options: quick ?? {} }) } : {})
    })
    afterAll(() => {
      if (isSlow()) subject.cloud.close()
    })
    test.for(works)('$what', { timeout: 600_000 }, async (work, { skip }) => {
      skip(!work.operations.every((operation) => can(subject, operation)), 'lacking')
      const around = newJob()
      const run = await work.prepare(subject, around)
      const points = await pointsOf(subject, run, brief ? 1 : mostOfOne)
      const before = stock(subject)
      expect(points.length).toBeGreaterThan(0)
      for (const point of points)
        for (const moment of brief ? moments.slice(-1) : moments) {
          const what = `${point.operation} (${point.nr + 1}) that has its effect ${moment}`
          await playScene(subject, { run, point, moment }).catch((error: unknown) => {
            throw new Error(what, { cause: error })
          })
          expect(await settledStock(subject, before), `${what} leaves nothing`).toEqual(before)
        }
      await removeAll(subject, around)
    })
  })
}

/** When the effect comes: right after the undo's first look, or when the undo sees nothing any more and is about to believe it. */
const moments = ['after the first look', 'when nothing is seen any more'] as const
type Moment = (typeof moments)[number]

/** One call of a work: of its operation, the one of that number, from 0. */
interface Point {
  operation: string
  nr: number
}

type Run = Awaited<ReturnType<Work['prepare']>>

/** Each changing call of a work, as far as an operation is not called over and over. Afterwards the work is taken back. */
async function pointsOf(subject: Subject, run: Run, most: number): Promise<Point[]> {
  const { loopback } = subject
  const job = newJob()
  const lastSeq = loopback.calls().at(-1)?.seq ?? 0
  await run(intentOf(job), () => intentOf(job))
  const counts = new Map<string, number>()
  const points: Point[] = []
  for (const { operation, seq, mutating } of loopback.calls()) {
    if (seq <= lastSeq || !mutating) continue
    const nr = counts.get(operation) ?? 0
    counts.set(operation, nr + 1)
    if (nr < most) points.push({ operation, nr })
  }
  await removeAll(subject, job)
  return points
}

const mostOfOne = 3

/** Plays one scene; again if this machine stood still for so long that the effect came later than the cloud says it ever does. */
async function playScene(subject: Subject, scene: { run: Run; point: Point; moment: Moment }): Promise<void> {
  for (let take = 1; take <= mostTakes; take += 1) if (await playOnce(subject, scene)) return
  throw new Error(`in ${mostTakes} takes no effect came within the time that the cloud takes to settle`)
}

const mostTakes = 4

/** @returns whether it went as the scene wants it; also if the work made no such call this time. */
async function playOnce(
  subject: Subject,
  { run, point: { operation, nr }, moment }: { run: Run; point: Point; moment: Moment },
): Promise<boolean> {
  const { cloud, region, loopback } = subject
  const lastSeq = loopback.calls().at(-1)?.seq ?? 0
  const held = () => loopback.calls().filter((call) => call.seq > lastSeq && call.operation === operation)[nr]
  const job = newJob()
  const cut = new AbortController()
  loopback.inject({ operation, mode: 'hold', skip: nr })
  try {
    let ended = false
    const scope = { signal: cut.signal, beforeCall: () => cut.signal.throwIfAborted() }
    const running = withCallScope(scope, () => run(intentOf(job), () => intentOf(job)))
      .catch(() => undefined)
      .finally(() => {
        ended = true
      })
    await until(`${operation} to be called`, async () => ended || held() !== undefined)
    cut.abort(new Error('cancelled'))
    // A call that is made beyond the step, such as giving back a turn, is waited for.
    await Promise.race([running, sleep(100)])
    const cutMs = Date.now()

    let released = false
    const release = () => {
      released = true
      loopback.clearFaults()
    }
    // The undo may itself have to wait for the call.
    const atLast = setTimeout(release, cloud.inventory.settlesMs * 0.7)
    await removeTagged(cloud, {
      region,
      tags: { 'novacron-job': job },
      makingEndedMs: performance.now(),
      signal: new AbortController().signal,
      progress(done, total) {
        if (!released && (moment === moments[0] || done === total)) release()
      },
    }).finally(() => clearTimeout(atLast))
    if (held() === undefined) return true
    loopback.clearFaults()
    await until(`${operation} to have its effect`, async () => held()?.doneAtMs !== undefined)
    const inTime = released && (held()?.doneAtMs ?? Infinity) <= cutMs + cloud.inventory.settlesMs
    if (!inTime) await removeAll(subject, job)
    return inTime
  } finally {
    loopback.clearFaults()
  }
}

/** Everything that is there, by whomever, less what all jobs share. */
const stock = ({ loopback }: Subject): string[] =>
  loopback
    .residue()
    .map(({ kind, id }) => `${kind} ${id}`)
    .toSorted()

/** What is there once that is what is expected, or in the end: a vendor's own helpers may be gone a moment later. */
async function settledStock(subject: Subject, expected: readonly string[]): Promise<string[]> {
  const same = () => JSON.stringify(stock(subject)) === JSON.stringify(expected)
  await until('what is there to be what was there', async () => same()).catch(() => undefined)
  return stock(subject)
}
