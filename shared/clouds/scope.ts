import { AsyncLocalStorage } from 'node:async_hooks'
import { setTimeout as sleep } from 'node:timers/promises'

/** What surrounds every cloud call made while a step runs. */
export interface CallScope {
  /** Aborts when the step is cancelled, loses its lease or is shut down; every SDK call passes it on. */
  signal: AbortSignal
  /**
   * Called by each adapter in the last moment before a request leaves the process.
   * Throws when the worker no longer holds the step: only the holder calls a cloud.
   */
  beforeCall: () => void
}

const storage = new AsyncLocalStorage<CallScope>()

/** Runs `work` so that every cloud call below it is guarded by `scope`. */
export const withCallScope = <T>(scope: CallScope, work: () => Promise<T>): Promise<T> =>
  storage.run(scope, work)

/** The scope of what has to be done whatever becomes of the step: giving back a turn, and nothing that changes anything of the user's. */
export const beyondSteps = (): CallScope => ({
  signal: new AbortController().signal,
  beforeCall: () => undefined,
})

/** For adapters: check the holder, right before a request is sent (after signing, on every retry). */
export const beforeCall = (): void => storage.getStore()?.beforeCall()

/** The same check for later, when a connection is there: whoever runs it then, it asks for the step that runs now. */
export const checkLater = (): (() => void) => {
  const scope = storage.getStore()
  return () => scope?.beforeCall()
}

/** For adapters: the signal of the running step, if any. */
export const callSignal = (): AbortSignal | undefined => storage.getStore()?.signal

/** For adapters: waits, unless the running step ends first; then it throws the step's own reason, which says more than an AbortError. */
export async function pause(delayMs: number): Promise<void> {
  if (delayMs <= 0) return
  const signal = callSignal()
  await sleep(delayMs, undefined, { signal }).catch(() => signal?.throwIfAborted())
}
