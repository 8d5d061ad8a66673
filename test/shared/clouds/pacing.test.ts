import { describe, expect, test } from 'vitest'
import { createPacer } from '#shared/clouds/pacing.ts'

function pacerAt(startMs = 0) {
  let nowMs = startMs
  const pacer = createPacer(() => nowMs)
  return { ...pacer, advance: (ms: number) => (nowMs += ms) }
}
/** Sends as many calls as the pacer lets through in this time, one after the other; each that goes out passes. */
function sendFor(pacer: ReturnType<typeof pacerAt>, durationMs: number): number {
  let [sent, leftMs] = [0, durationMs]
  for (;;) {
    const waitMs = Math.max(1, pacer.takeTurn())
    if (waitMs > leftMs) return sent
    pacer.advance(waitMs)
    leftMs -= waitMs
    pacer.passed()
    sent += 1
  }
}

describe('pacing', () => {
  test('as long as the cloud does not throttle, no call waits', () => {
    const pacer = pacerAt()
    for (let call = 0; call < 1000; call++) expect(pacer.takeTurn()).toBe(0)
    expect(pacer.perSecond()).toBeUndefined()
  })

  test('once throttled, half as many calls go out as went out in the second before', () => {
    const pacer = pacerAt()
    for (let call = 0; call < 40; call++) pacer.takeTurn()
    pacer.throttled(undefined)
    expect(pacer.perSecond()).toBe(20)
    const turns = [0, 0, 0].map(() => pacer.takeTurn())
    expect(turns).toEqual([0, 50, 100])
  })

  test('refusals that come together count as one', () => {
    const pacer = pacerAt()
    for (let call = 0; call < 40; call++) pacer.takeTurn()
    for (let call = 0; call < 40; call++) pacer.throttled(undefined)
    expect(pacer.perSecond()).toBe(20)
    pacer.advance(600)
    pacer.throttled(undefined)
    expect(pacer.perSecond()).toBe(10)
  })

  test('it never falls below two calls a second', () => {
    const pacer = pacerAt()
    for (let cut = 0; cut < 20; cut++) {
      pacer.throttled(undefined)
      pacer.advance(1000)
    }
    expect(pacer.perSecond()).toBe(2)
  })

  test('who sends little is slowed by what was sent, not by what would have been allowed', () => {
    const pacer = pacerAt()
    for (let call = 0; call < 200; call++) pacer.takeTurn()
    pacer.throttled(undefined)
    expect(pacer.perSecond()).toBe(100)
    pacer.advance(5000)
    for (let call = 0; call < 6; call++) pacer.takeTurn()
    pacer.throttled(undefined)
    expect(pacer.perSecond()).toBe(3)
  })

  test('calls that go through raise the rate, a little every second', () => {
    const pacer = pacerAt()
    for (let call = 0; call < 8; call++) pacer.takeTurn()
    pacer.throttled(undefined)
    const first = sendFor(pacer, 1000)
    const later = sendFor(pacer, 10_000) / 10
    expect(first).toBeLessThanOrEqual(5)
    expect(later).toBeGreaterThan(2 * first)
  })

  test('after a calm minute nothing is held back any more', () => {
    const pacer = pacerAt()
    pacer.takeTurn()
    pacer.throttled(undefined)
    pacer.advance(59_000)
    pacer.passed()
    expect(pacer.perSecond()).toBeDefined()
    pacer.advance(2000)
    pacer.passed()
    expect(pacer.perSecond()).toBeUndefined()
  })

  test('no turn comes before the time that the cloud named', () => {
    const pacer = pacerAt()
    pacer.takeTurn()
    pacer.throttled(30_000)
    pacer.throttled(1000)
    expect(pacer.silenceMs()).toBe(30_000)
    expect(pacer.takeTurn()).toBe(30_000)
    expect(pacer.takeTurn()).toBe(30_500)
    pacer.advance(30_000)
    expect(pacer.silenceMs()).toBe(0)
  })
})
