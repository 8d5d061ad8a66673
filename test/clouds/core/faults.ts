import type { Fault } from './types.ts'

export interface Faults {
  /** Adds a fault. Throws if it is not one, naming the field. */
  inject(fault: Fault): void
  clear(): void
  /** Resolves at the next `clear`: when a held call goes on. */
  cleared(): Promise<void>
  /** The fault that hits this call of `operation`, if any. Counts the call against `skip` and `times`. */
  take(operation: string): Fault | undefined
}

/** Faults waiting for their calls. Of several that match, the one injected first hits. */
export function createFaults(): Faults {
  let waiting: { fault: Fault; skip: number; times: number }[] = []
  let clearing = Promise.withResolvers<void>()

  return {
    inject(fault) {
      checkFault(fault)
      waiting.push({ fault, skip: fault.skip ?? 0, times: fault.times ?? 1 })
    },
    clear() {
      waiting = []
      clearing.resolve()
      clearing = Promise.withResolvers()
    },
    cleared: () => clearing.promise,
    take(operation) {
      for (const entry of waiting) {
        if (entry.fault.operation !== '*' && entry.fault.operation !== operation) continue
        if (entry.skip > 0) {
          entry.skip -= 1
          continue
        }
        entry.times -= 1
        if (entry.times <= 0) waiting = waiting.filter((other) => other !== entry)
        return entry.fault
      }
      return undefined
    },
  }
}

const modes = new Set(['error', 'hang', 'drop_reply', 'delay', 'hold', 'corrupt_read', 'corrupt_stored'])

function checkFault(fault: Fault): void {
  const refuse = (field: string, reason: string) => {
    throw new TypeError(`fault.${field} ${reason}; see Fault in test/clouds/core/types.ts`)
  }
  if (typeof fault.operation !== 'string' || fault.operation === '')
    refuse('operation', 'must name an operation or be *')
  if (!modes.has(fault.mode)) refuse('mode', `must be one of ${[...modes].join(', ')}, not ${fault.mode}`)
  for (const field of ['times', 'skip', 'delayMs', 'status', 'retryAfterSeconds'] as const) {
    const value = fault[field]
    if (value !== undefined && (!Number.isInteger(value) || value < 0))
      refuse(field, 'must be a whole number of 0 or more')
  }
  if (fault.times === 0) refuse('times', 'must be at least 1')
}
