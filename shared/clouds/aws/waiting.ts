import type { AwsSettings } from '#shared/clouds/aws/settings.ts'
import { isNotFound } from '#shared/clouds/errors.ts'
import { pause } from '#shared/clouds/scope.ts'

/**
 * Asks `probe` until it gives something, at most for `forMs`; undefined when the time is up.
 * Asks at least twice, so that a `forMs` of 0 still looks once more after `pollMs`. Ends with the call scope.
 */
export async function waitFor<T>(
  probe: () => Promise<T | undefined>,
  { forMs, pollMs }: { forMs: number; pollMs: number },
): Promise<T | undefined> {
  const deadline = Date.now() + forMs
  for (let attempt = 1; ; attempt++) {
    const found = await probe()
    if (found !== undefined) return found
    if (attempt > 1 && Date.now() >= deadline) return undefined
    await pause(pollMs)
  }
}

/** How long, and how often, something that was just created or deleted is looked for. */
export const bounds = ({ settings: { options } }: { settings: Pick<AwsSettings, 'options'> }) => ({
  forMs: options.consistency_ms,
  pollMs: options.poll_ms,
})

/**
 * Runs `call` on something that was created a moment ago: as long as the service does not know it yet, it is tried again, within the
 * consistency window of the registration.
 */
export async function onceKnown<T>(
  aws: { settings: Pick<AwsSettings, 'options'> },
  call: () => Promise<T>,
): Promise<T> {
  let unknown: unknown
  const outcome = await waitFor(async () => {
    try {
      return { value: await call() }
    } catch (error) {
      if (!isNotFound(error)) throw error
      unknown = error
      return undefined
    }
  }, bounds(aws))
  if (outcome) return outcome.value
  throw unknown
}
