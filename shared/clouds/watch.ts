import { createCallRecorder, type CallRecorder } from '#shared/clouds/calls/recorder.ts'
import { reportOf } from '#shared/clouds/calls/report.ts'
import { CloudError } from '#shared/clouds/errors.ts'
import type { HealthReport } from '#shared/clouds/facets/observation.ts'
import { createPacer } from '#shared/clouds/pacing.ts'
import { pause as pauseInScope } from '#shared/clouds/scope.ts'

/** Stands between an adapter and its cloud's account: paces, absorbs short throttling, and has each call counted. */
export interface CallWatch {
  /**
   * Makes one call. `send` must throw CloudErrors. A throttled call had no effect, so it is sent again after the time the cloud named (or a
   * growing one), as long as that ends within `absorbMs`; after that its error is the caller's. While the cloud wants silence for longer than
   * that, no call is sent at all: each gets a `throttled` error with the time that is left.
   * @param operation the vendor's name of it, without an id: what it is counted as.
   */
  run<T>(operation: string, send: () => Promise<T>): Promise<T>
  /** How the calls went that were counted along with these. */
  report(): HealthReport
}

/**
 * @param absorbMs the longest that a call may wait out throttling in the worker's slot; longer waits are the queue's.
 * @param calls where they are counted; its own if left out.
 * @param now, random, pause what tests hold still: milliseconds, 0 to 1, and waiting that ends when the call scope is aborted.
 */
export function createCallWatch({
  absorbMs,
  now = () => performance.now(),
  calls = createCallRecorder(),
  random = Math.random,
  pause = pauseInScope,
}: {
  absorbMs: number
  calls?: CallRecorder | undefined
  now?: () => number
  random?: () => number
  pause?: (delayMs: number) => Promise<void>
}): CallWatch {
  const pacer = createPacer(now)
  let lastThrottled: CloudError | undefined

  const takeTurn = async (giveUpMs: number) => {
    const silenceMs = pacer.silenceMs()
    if (lastThrottled && silenceMs > 0 && now() + silenceMs > giveUpMs)
      throw stillThrottled(lastThrottled, silenceMs)
    await pause(pacer.takeTurn())
  }
  const attempt = async <T>(operation: string, send: () => Promise<T>): Promise<T> => {
    const startedMs = now()
    const ended = (code?: string) =>
      calls.add({ operation, tookMs: now() - startedMs, ...(code ? { code } : {}) }, pacer.perSecond())
    try {
      const answer = await send()
      pacer.passed()
      ended()
      return answer
    } catch (error) {
      // Anything else is a refusal of our own: no call was made.
      if (!(error instanceof CloudError)) throw error
      if (error.code === 'throttled') pacer.throttled(error.retryAfterMs)
      ended(error.code)
      throw error
    }
  }

  return {
    async run(operation, send) {
      const giveUpMs = now() + absorbMs
      for (let attempts = 1; ; attempts++) {
        await takeTurn(giveUpMs)
        try {
          return await attempt(operation, send)
        } catch (error) {
          if (!(error instanceof CloudError && error.code === 'throttled')) throw error
          lastThrottled = error
          const delayMs = error.retryAfterMs ?? growing(attempts) * (0.5 + random() / 2)
          if (now() + delayMs > giveUpMs) throw comeBackIn(delayMs, error)
          await pause(delayMs)
        }
      }
    },
    report: () => reportOf(calls.recent(), pacer.perSecond()),
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
