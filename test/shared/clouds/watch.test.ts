import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { createCallRecorder } from '#shared/clouds/calls/recorder.ts'
import { CloudError } from '#shared/clouds/errors.ts'
import { withCallScope } from '#shared/clouds/scope.ts'
import { createCallWatch } from '#shared/clouds/watch.ts'

const error = (code: string, retryAfterMs?: number) =>
  new CloudError(`it says ${code}`, {
    cloud: 'aws',
    operation: 'DescribeThings',
    code,
    vendorCode: 'Vendor',
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  })

/** A watch on a clock of its own, which waiting moves on. `answers`: what each call does, in order; then all succeed. */
function watchWith(absorbMs: number, answers: (CloudError | 'ok')[] = []) {
  let nowMs = 0
  const sentAtMs: number[] = []
  const watch = createCallWatch({
    absorbMs,
    now: () => nowMs,
    random: () => 1,
    pause: async (delayMs) => {
      nowMs += Math.max(0, delayMs)
    },
  })
  const send = async () => {
    sentAtMs.push(nowMs)
    nowMs += 10
    const answer = answers.shift() ?? 'ok'
    if (answer !== 'ok') throw answer
    return 'done'
  }
  return {
    watch,
    sentAtMs,
    advance: (ms: number) => (nowMs += ms),
    call: () => watch.run('DescribeThings', send),
  }
}

describe('a throttled call', () => {
  test('is sent again after the time that the cloud named, and its caller knows nothing of it', async () => {
    const { call, sentAtMs } = watchWith(10_000, [error('throttled', 3000)])
    expect(await call()).toBe('done')
    expect(sentAtMs).toHaveLength(2)
    expect(sentAtMs[1]).toBeGreaterThanOrEqual(3010)
  })

  test('waits longer each time where the cloud names no time', async () => {
    const { call, sentAtMs } = watchWith(60_000, [error('throttled'), error('throttled'), error('throttled')])
    expect(await call()).toBe('done')
    const gaps = sentAtMs.slice(1).map((atMs, index) => atMs - (sentAtMs[index] ?? 0))
    expect(gaps).toEqual(gaps.toSorted((a, b) => a - b))
    expect(gaps[0]).toBeLessThan(gaps[2] ?? 0)
  })

  test('is its caller’s error once waiting would take longer than allowed, with the time to come back', async () => {
    const { call, sentAtMs } = watchWith(2000, [error('throttled', 3000)])
    await expect(call()).rejects.toMatchObject({ code: 'throttled', retryAfterMs: 3000 })
    expect(sentAtMs).toHaveLength(1)
  })

  test('says when to come back also where the cloud did not', async () => {
    const { call } = watchWith(100, [error('throttled')])
    await expect(call()).rejects.toMatchObject({ code: 'throttled', vendorCode: 'Vendor', retryAfterMs: 200 })
  })

  test('keeps all other calls from the cloud until its time is over, without holding their callers', async () => {
    const { call, sentAtMs, advance } = watchWith(2000, [error('throttled', 60_000)])
    await expect(call()).rejects.toMatchObject({ retryAfterMs: 60_000 })
    advance(20_000)
    await expect(call()).rejects.toMatchObject({
      name: 'CloudError',
      code: 'throttled',
      kind: 'throttled',
      vendorCode: 'Vendor',
      retryAfterMs: 40_000,
    })
    expect(sentAtMs).toHaveLength(1)
    advance(39_000)
    expect(await call()).toBe('done')
    expect(sentAtMs[1]).toBeGreaterThanOrEqual(60_000)
  })
})

test('without any patience, calls go out again once the cloud’s time is over', async () => {
  let nowMs = 0
  // Like a real clock, it has moved on at each look.
  const watch = createCallWatch({ absorbMs: 0, now: () => (nowMs += 0.01), pause: () => Promise.resolve() })
  await expect(
    watch.run('DescribeThings', () => Promise.reject(error('throttled', 50))),
  ).rejects.toMatchObject({
    retryAfterMs: 50,
  })
  nowMs += 60
  expect(await watch.run('DescribeThings', () => Promise.resolve('done'))).toBe('done')
})

describe('other errors', () => {
  test('are the caller’s at once', async () => {
    for (const code of ['unavailable', 'not_found', 'timeout']) {
      const { call, sentAtMs } = watchWith(10_000, [error(code)])
      await expect(call()).rejects.toMatchObject({ code })
      expect(sentAtMs).toHaveLength(1)
    }
  })

  test('a cancelled step does not wait for its turn', async () => {
    const watch = createCallWatch({ absorbMs: 60_000 })
    const reason = new Error('cancelled')
    const cancel = new AbortController()
    const scope = { signal: cancel.signal, beforeCall: () => {} }
    const waiting = withCallScope(scope, () =>
      watch.run('DescribeThings', () => Promise.reject(error('throttled', 30_000))),
    )
    await delay(5)
    cancel.abort(reason)
    await expect(waiting).rejects.toBe(reason)
  })
})

describe('the report', () => {
  test('knows nothing before the first call', () => {
    const report = watchWith(0).watch.report()
    expect(report).toMatchObject({ status: 'unknown', calls: 0, errorRate: 0, throttleRate: 0 })
    expect(report).not.toHaveProperty('p50Ms')
  })

  test('counts faults of the cloud and throttling apart, and refusals for cause as answers', async () => {
    const { watch, call } = watchWith(0, [
      error('unavailable'),
      error('network'),
      error('throttled', 0),
      error('quota_exceeded'),
      error('not_found'),
    ])
    for (let index = 0; index < 10; index++) await call().catch(() => undefined)
    expect(watch.report()).toMatchObject({ status: 'degraded', errorRate: 0.2, throttleRate: 0.1, calls: 10 })
  })

  test('what the call scope refuses never left, and is not counted', async () => {
    const watch = createCallWatch({ absorbMs: 0 })
    await watch
      .run('DescribeThings', () => Promise.reject(new Error('no longer the holder')))
      .catch(() => undefined)
    expect(watch.report().calls).toBe(0)
  })

  test('tells the median and the slow end, of the present minute and the nine before it', async () => {
    let nowMs = 0
    const now = () => nowMs
    const watch = createCallWatch({ absorbMs: 0, now, calls: createCallRecorder({ now }) })
    const takes = (ms: number) => watch.run('DescribeThings', async () => void (nowMs += ms))
    for (let ms = 1; ms <= 100; ms++) await takes(ms)
    const report = watch.report()
    // Of 1 to 100 ms: the 51st and the 96th, up to 5 % off.
    expect(Math.abs((report.p50Ms ?? 0) / 51 - 1)).toBeLessThan(0.05)
    expect(Math.abs((report.p95Ms ?? 0) / 96 - 1)).toBeLessThan(0.05)
    nowMs = report.windowMs - 10
    await takes(7)
    expect(watch.report()).toMatchObject({ calls: 101 })
    nowMs = report.windowMs
    expect(watch.report()).toMatchObject({ calls: 1 })
    nowMs = 2 * report.windowMs
    expect(watch.report()).toMatchObject({ calls: 0, status: 'unknown' })
  })

  test('a cloud of which half the calls fail is unhealthy', async () => {
    const { watch, call } = watchWith(0, [error('timeout')])
    for (let index = 0; index < 2; index++) await call().catch(() => undefined)
    expect(watch.report().status).toBe('unhealthy')
  })
})
