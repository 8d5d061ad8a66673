import type { Call } from './types.ts'

export interface CallLog {
  /** Notes one arrived request and returns the live entry, so that `status` can be set once it is answered. */
  record(call: {
    operation: string
    mutating: boolean
    userAgent: string
    begunAtMs: number
    resource?: string | undefined
  }): Call
  list(): readonly Call[]
  clear(): void
}

/** Requests in order of arrival. `seq` keeps growing over `clear()`, so that two looks at the log can be told apart. */
export function createCallLog(now: () => number = Date.now): CallLog {
  let entries: Call[] = []
  let seq = 0

  return {
    record({ operation, mutating, userAgent, begunAtMs, resource }) {
      seq += 1
      const call: Call = { seq, atMs: now(), begunAtMs, operation, mutating, userAgent }
      if (resource !== undefined) call.resource = resource
      entries.push(call)
      return call
    },
    list: () => entries,
    clear() {
      entries = []
    },
  }
}
