import { CloudError } from '#shared/clouds/errors.ts'
import type { HealthReport } from '#shared/clouds/facets/observation.ts'
import { createPacer } from '#shared/clouds/pacing.ts'
import { pause as pauseInScope } from '#shared/clouds/scope.ts'

/** Stands between an adapter and its cloud's account: paces, absorbs short throttling, and remembers how calls went. */
export interface CallWatch {
  /**
   * Makes one call. `send` must throw CloudErrors. A throttled call had no effect, so it is sent again after the time the cloud named (or a
   * growing one), as long as that ends within `absorbMs`; after that its error is the caller's. While the cloud wants silence for longer than
   * that, no call is sent at all: each gets a `throttled` error with the time that is left.
   */
  run<T>(send: () => Promise<T>): Promise<T>
  report(): HealthReport
}

/**
 * @param absorbMs the longest that a call may wait out throttling in the worker's slot; longer waits are the queue's.
 * @param now, random, pause what tests hold still: milliseconds, 0 to 1, and waiting that ends when the call scope is aborted.
 */
export function createCallWatch({
  absorbMs,
  now = () => performance.now(),
  random = Math.random,
  pause = pauseInScope,
}: {
  absorbMs: number
  now?: () => number
  random?: () => number
  pause?: (delayMs: number) => Promise<void>
}): CallWatch {
  const pacer = createPacer(now)
  let samples: Sample[] = []
  let lastThrottled: CloudError | undefined

  const takeTurn = async (giveUpMs: number) => {
    const silenceMs = pacer.silenceMs()
    if (lastThrottled && silenceMs > 0 && now() + silenceMs > giveUpMs)
      throw stillThrottled(lastThrottled, silenceMs)
    await pause(pacer.takeTurn())
  }
  const attempt = async <T>(send: () => Promise<T>): Promise<T> => {
    const startedMs = now()
    let outcome: Outcome | undefined = 'ok'
    try {
      return await send()
    } catch (error) {
      outcome = outcomeOf(error)
      throw error
    } finally {
      if (outcome !== undefined) {
        samples.push({ atMs: now(), tookMs: now() - startedMs, outcome })
        if (samples.length > 2 * keptSamples) samples = samples.slice(-keptSamples)
      }
    }
  }

  return {
    async run(send) {
      const giveUpMs = now() + absorbMs
      for (let attempts = 1; ; attempts++) {
        await takeTurn(giveUpMs)
        try {
          const answer = await attempt(send)
          pacer.passed()
          return answer
        } catch (error) {
          if (!(error instanceof CloudError && error.code === 'throttled')) throw error
          lastThrottled = error
          pacer.throttled(error.retryAfterMs)
          const delayMs = error.retryAfterMs ?? growing(attempts) * (0.5 + random() / 2)
          if (now() + delayMs > giveUpMs) throw comeBackIn(delayMs, error)
          await pause(delayMs)
        }
      }
    },
    report: () => reportOf(samples.slice(-keptSamples), now(), pacer.perSecond()),
  }
}

/** 200, 400, 800 … up to 5000 ms. */
const growing = (attempts: number): number => Math.min(5_000, 100 * 2 ** attempts)

/** Every throttled error that leaves here says when to come back, also where the cloud did not. */
const comeBackIn = (delayMs: number, error: CloudError): CloudError =>
  error.retryAfterMs === undefined ? throttledLike(error, error.message, delayMs) : error

/** For a call that is not sent, because an earlier one was told when to come back. */
const stillThrottled = (earlier: CloudError, silenceMs: number): CloudError =>
  throttledLike(
    earlier,
    `No call for ${Math.ceil(silenceMs / 1000)} s more, as asked by: ${earlier.message}`,
    silenceMs,
  )

function throttledLike(error: CloudError, message: string, retryAfterMs: number): CloudError {
  const { cloud, operation, vendorCode, requestId, remedy, cause } = error
  return new CloudError(message, {
    cloud,
    operation,
    cause,
    code: 'throttled',
    kind: 'throttled',
    retryAfterMs: Math.ceil(retryAfterMs),
    ...(vendorCode === undefined ? {} : { vendorCode }),
    ...(requestId === undefined ? {} : { requestId }),
    ...(remedy === undefined ? {} : { remedy }),
  })
}

type Outcome = 'ok' | 'failed' | 'throttled'

interface Sample {
  atMs: number
  tookMs: number
  outcome: Outcome
}

/** An account's errors of its own (a bad request, a full quota) are answers of a healthy control plane. */
function outcomeOf(error: unknown): Outcome | undefined {
  if (!(error instanceof CloudError)) return undefined
  if (error.code === 'throttled') return 'throttled'
  return faults.has(error.code) ? 'failed' : 'ok'
}

const faults = new Set(['unavailable', 'timeout', 'network', 'tls', 'cloud_error'])

function reportOf(samples: Sample[], nowMs: number, pacedPerSecond: number | undefined): HealthReport {
  const seen = samples.filter(({ atMs }) => nowMs - atMs <= windowMs)
  const share = (outcome: Outcome) =>
    seen.length === 0 ? 0 : seen.filter((sample) => sample.outcome === outcome).length / seen.length
  const times = seen.map(({ tookMs }) => tookMs).toSorted((a, b) => a - b)
  const at = (quantile: number) => times[Math.min(times.length - 1, Math.floor(times.length * quantile))]
  const [errorRate, throttleRate, p50Ms, p95Ms] = [share('failed'), share('throttled'), at(0.5), at(0.95)]
  return {
    status: statusOf(seen, errorRate, throttleRate),
    windowMs,
    calls: seen.length,
    errorRate,
    throttleRate,
    ...(p50Ms === undefined ? {} : { p50Ms }),
    ...(p95Ms === undefined ? {} : { p95Ms }),
    ...(pacedPerSecond === undefined ? {} : { pacedPerSecond }),
  }
}

function statusOf(seen: Sample[], errorRate: number, throttleRate: number): HealthReport['status'] {
  if (seen.length === 0) return 'unknown'
  if (errorRate >= 0.5) return 'unhealthy'
  return errorRate >= 0.05 || throttleRate >= 0.25 ? 'degraded' : 'healthy'
}

const windowMs = 10 * 60_000
const keptSamples = 2_000
