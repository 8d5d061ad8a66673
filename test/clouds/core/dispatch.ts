import { setTimeout as delay } from 'node:timers/promises'
import type { CallLog } from './calls.ts'
import type { Faults } from './faults.ts'
import type { Outcome, PlainReply } from './server.ts'
import type { Fault } from './types.ts'

/**
 * Carries out one recognised call: records it, takes the fault that is due, and does what the fault says.
 * `effect` does the work and gets the fault, so that it can apply `corrupt_read` and `corrupt_stored` itself;
 * `refuse` writes an `error` fault in the vendor's own form.
 */
export async function dispatch({
  calls,
  faults,
  call,
  effect,
  refuse,
}: {
  calls: CallLog
  faults: Faults
  call: {
    operation: string
    mutating: boolean
    userAgent: string
    begunAtMs: number
    resource?: string | undefined
  }
  effect: (fault: Fault | undefined) => Promise<PlainReply>
  refuse: (fault: Fault) => PlainReply
}): Promise<Outcome> {
  const entry = calls.record(call)
  const fault = faults.take(call.operation)
  if (fault?.mode === 'hang') return 'hang'
  if (fault?.mode === 'delay') await delay(fault.delayMs ?? 1000)
  if (fault?.mode === 'hold') await faults.cleared()
  try {
    const reply = fault?.mode === 'error' ? refuse(fault) : await effect(fault)
    entry.status = reply.status
    return fault?.mode === 'drop_reply' ? 'drop' : reply
  } finally {
    entry.doneAtMs = Date.now()
  }
}
