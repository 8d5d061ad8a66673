import { setTimeout as sleep } from 'node:timers/promises'
import { CloudError } from '#shared/clouds/errors.ts'
import type { Cloud } from '#shared/clouds/port.ts'
import type { StepContext } from '#shared/jobs/chain.ts'
import { sinceForwardMs } from '#workers/forward.ts'
import type { Seen } from '#workers/resources/seen.ts'

export interface UntilOptions {
  signal: AbortSignal
  timeoutMs: number
  /** What is waited for, for the message. */
  what: string
  /** How long it may be missing from the cloud's answers before it counts as gone. Default: as long as the inventory takes to settle. */
  missingMs?: number
  onSeen?: (state: string) => void
}

/**
 * Looks at a resource until `done` says so.
 * @throws CloudError `not_found` when it stays missing, `creation_failed` when the cloud says that it failed, `timeout` (retryable).
 */
export async function untilSeen(
  cloud: Cloud,
  look: () => Promise<Seen | undefined>,
  done: (seen: Seen) => boolean,
  { signal, timeoutMs, what, missingMs = cloud.inventory.settlesMs + 5_000, onSeen }: UntilOptions,
): Promise<Seen> {
  const startedMs = performance.now()
  for (let delayMs = firstDelayMs; ; delayMs = Math.min(maxDelayMs, delayMs * 1.6)) {
    signal.throwIfAborted()
    const seen = await look()
    if (seen && done(seen)) return seen
    const elapsedMs = performance.now() - startedMs
    if (!seen && elapsedMs > missingMs) throw gone(cloud, what)
    if (seen?.state === 'error') throw failed(cloud, what)
    onSeen?.(seen?.state ?? 'not shown yet')
    if (elapsedMs > timeoutMs) throw tooSlow(cloud, what, timeoutMs, seen?.state)
    await sleep(delayMs, undefined, { signal })
  }
}

/** Looks until the cloud does not know it any more. @throws CloudError `timeout` (retryable). */
export async function untilGone(
  cloud: Cloud,
  look: () => Promise<Seen | undefined>,
  { signal, timeoutMs, what, onSeen }: Omit<UntilOptions, 'missingMs'>,
): Promise<void> {
  const startedMs = performance.now()
  for (let delayMs = firstDelayMs; ; delayMs = Math.min(maxDelayMs, delayMs * 1.6)) {
    signal.throwIfAborted()
    const seen = await look()
    if (!seen || seen.state === 'deleted') return
    onSeen?.(seen.state)
    if (performance.now() - startedMs > timeoutMs) throw tooSlow(cloud, what, timeoutMs, seen.state)
    await sleep(delayMs, undefined, { signal })
  }
}

/**
 * For an undo: when what was cut off on the way forward would have shown, on the clock of `performance.now()`. A look taken earlier proves
 * nothing.
 */
export const quietFromMs = async (
  context: Pick<StepContext<unknown>, 'db' | 'jobId'>,
  cloud: Cloud,
): Promise<number> => performance.now() - (await sinceForwardMs(context)) + cloud.inventory.settlesMs

const gone = (cloud: Cloud, what: string) =>
  new CloudError(`Waited for ${what}, but the cloud does not know it.`, {
    cloud: cloud.type,
    operation: 'wait',
    code: 'not_found',
    remedy: "Somebody else has deleted it, or it is in another region; look at it in the cloud's console.",
  })

const failed = (cloud: Cloud, what: string) =>
  new CloudError(`Waited for ${what}, but the cloud says that it has failed.`, {
    cloud: cloud.type,
    operation: 'wait',
    code: 'creation_failed',
    remedy: "Look at it in the cloud's console, then run the job again.",
  })

const tooSlow = (cloud: Cloud, what: string, timeoutMs: number, state = 'not shown') =>
  new CloudError(`Waited ${Math.round(timeoutMs / 1000)} s for ${what}; it is ${state}.`, {
    cloud: cloud.type,
    operation: 'wait',
    code: 'timeout',
    kind: 'retryable',
    remedy: "It is tried again; if that does not help, look at it in the cloud's console.",
  })

const firstDelayMs = 50
const maxDelayMs = 5_000
