import { describe, expect, test } from 'vitest'
import type { Cloud } from '#shared/clouds/port.ts'
import type { Subject } from '#test/shared/clouds/conformance/subject.ts'
import { refusalOf, withFault } from '#test/shared/clouds/conformance/things.ts'

/** What an adapter remembers of its calls. `subject` is filled before the tests run. */
export function health(subject: Subject): void {
  describe('health', () => {
    const withFreshAdapter = async (work: (cloud: Cloud) => Promise<void>) => {
      const cloud = await subject.reopen({ options: { throttle_wait_ms: 100 } })
      try {
        await work(cloud)
      } finally {
        cloud.close()
      }
    }

    test('calls are counted with their times, and a probe makes one', async () => {
      await withFreshAdapter(async (cloud) => {
        expect(cloud.health.report()).toMatchObject({ status: 'unknown', calls: 0, errorRate: 0 })
        const probed = await cloud.health.probe()
        expect(probed.calls).toBeGreaterThan(0)
        const calls = subject.loopback.calls().length
        await cloud.identity.regions()
        const seen = cloud.health.report()
        expect(seen.calls).toBeGreaterThan(probed.calls)
        expect(seen).toMatchObject({ status: 'healthy', errorRate: 0, throttleRate: 0 })
        expect(seen.p50Ms).toBeGreaterThan(0)
        expect(seen.p95Ms).toBeGreaterThanOrEqual(seen.p50Ms ?? Infinity)
        expect(subject.loopback.calls().length).toBeGreaterThan(calls)
      })
    })

    test('the cloud’s own faults raise the error rate, refusals for cause do not', async () => {
      await withFreshAdapter(async (cloud) => {
        await cloud.health.probe()
        const { regions } = cloud.identity
        const [forbidden] = subject.dialect.refusals.forbidden
        const [unavailable] = subject.dialect.refusals.unavailable
        const every = { operation: '*', mode: 'error', times: 50 } as const
        await withFault(subject, { ...every, ...forbidden }, () => refusalOf(regions))
        expect(cloud.health.report().errorRate).toBe(0)
        await withFault(subject, { ...every, ...unavailable }, () => cloud.health.probe())
        const { errorRate, status } = cloud.health.report()
        expect(errorRate).toBeGreaterThan(0)
        expect(status).not.toBe('healthy')
      })
    })

    test('throttling shows as a rate and as pacing', async () => {
      await withFreshAdapter(async (cloud) => {
        await cloud.health.probe()
        const throttled = { operation: '*', mode: 'error', times: 50, ...subject.dialect.throttled } as const
        await withFault(subject, throttled, () => refusalOf(() => cloud.identity.regions()))
        const { throttleRate, pacedPerSecond } = cloud.health.report()
        expect(throttleRate).toBeGreaterThan(0)
        expect(pacedPerSecond).toBeGreaterThan(0)
      })
    })
  })
}
