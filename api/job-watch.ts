import type { Wake } from '#shared/jobs/wake.ts'

/** Waits for one job to change. Wake-ups only save time: whoever waits looks again after `timeoutMs` in any case. */
export interface JobSubscription {
  /** Resolves at a change since the last call (at once if there was one), after the timeout, or when `signal` aborts. */
  next(timeoutMs: number, signal?: AbortSignal): Promise<void>
  close(): void
}

export interface JobWatch {
  subscribe(jobId: string): JobSubscription
  close(): void
}

/** Spreads the wake-ups of one connection to everyone in this process who waits for a job. */
export function jobWatch(wake: Wake): JobWatch {
  const waiting = new Map<string, Set<() => void>>()

  const stop = wake.on('novacron_job', (jobId) => {
    // The empty payload follows a reconnect: anything may have been missed.
    const groups = jobId === '' ? [...waiting.values()] : [waiting.get(jobId) ?? []]
    for (const group of groups) for (const rouse of group) rouse()
  })

  return {
    subscribe(jobId) {
      let changed = false
      let resolve = () => {}
      const rouse = () => {
        changed = true
        resolve()
      }
      const group = waiting.get(jobId) ?? new Set()
      waiting.set(jobId, group.add(rouse))
      return {
        async next(timeoutMs, signal) {
          if (!changed && !signal?.aborted)
            await new Promise<void>((done) => {
              resolve = () => {
                clearTimeout(timer)
                signal?.removeEventListener('abort', resolve)
                done()
              }
              const timer = setTimeout(() => resolve(), timeoutMs)
              signal?.addEventListener('abort', resolve)
            })
          changed = false
        },
        close() {
          group.delete(rouse)
          if (group.size === 0) waiting.delete(jobId)
        },
      }
    },
    close: () => stop(),
  }
}
