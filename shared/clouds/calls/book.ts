import type { Pool } from 'pg'
import { createCallRecorder, type CallRecorder } from '#shared/clouds/calls/recorder.ts'
import { writeCalls } from '#shared/clouds/calls/store.ts'

/** The calls that this process makes, to be written down for all to see. */
export interface CallBook {
  /** Where a provider's calls are counted, however often it is opened. */
  of(tenantId: string, providerId: string): CallRecorder
  /** Writes down what is new. What cannot be written stays for the next time. */
  flush(): Promise<void>
  /** Flushes once more, and then no more. */
  close(): Promise<void>
}

/** @param everyMs how often what is new is written, in one statement for all providers; nothing is written while no call is made. */
export function openCallBook(db: Pool, workerId: string, everyMs = 10_000): CallBook {
  const recorders = new Map<string, { tenantId: string; providerId: string; recorder: CallRecorder }>()
  let writing = Promise.resolve()

  const write = async () => {
    const counted = [...recorders.values()].map((one) => ({ ...one, minutes: one.recorder.takeChanged() }))
    try {
      await writeCalls(db, workerId, counted)
    } catch {
      // The database is away; what it is away from is told by all else that needs it.
      for (const { recorder, minutes } of counted) recorder.giveBack(minutes)
    }
  }
  // One after the other, so that an older state never lands on a newer one.
  const flush = () => (writing = writing.then(write))
  const timer = setInterval(() => void flush(), everyMs)
  timer.unref()

  return {
    of(tenantId, providerId) {
      const key = JSON.stringify([tenantId, providerId])
      const known = recorders.get(key)
      if (known) return known.recorder
      const recorder = createCallRecorder()
      recorders.set(key, { tenantId, providerId, recorder })
      return recorder
    },
    flush,
    async close() {
      clearInterval(timer)
      await flush()
    },
  }
}
