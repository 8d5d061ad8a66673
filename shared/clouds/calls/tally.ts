import { addTo, type Histogram } from '#shared/clouds/calls/histogram.ts'

/** What became of the calls of one operation. */
export interface OperationCalls {
  calls: number
  /** Those that the cloud failed or left unanswered; refusals for cause are none. */
  faults: number
  throttled: number
  /** How many ended in an error, by its code; refusals for cause too. */
  errors: Record<string, number>
  /** All of them together, in milliseconds. */
  tookMs: number
  times: Histogram
}

/** By the vendor's name of the operation. */
export type Tally = Record<string, OperationCalls>

export interface CallOutcome {
  operation: string
  tookMs: number
  /** The code of the CloudError that it ended in. */
  code?: string
}

export function count(tally: Tally, { operation, tookMs, code }: CallOutcome): void {
  const known = Object.hasOwn(tally, operation) || Object.keys(tally).length < maxOperations
  const entry = (tally[known ? operation : 'other'] ??= emptyCalls())
  entry.calls += 1
  entry.tookMs += tookMs
  addTo(entry.times, tookMs)
  if (code === undefined) return
  entry.errors[code] = (entry.errors[code] ?? 0) + 1
  if (code === 'throttled') entry.throttled += 1
  else if (faults.has(code)) entry.faults += 1
}

/** Several tallies as one, operation by operation. */
export function merge(tallies: Iterable<Tally>): Tally {
  const merged: Tally = {}
  for (const tally of tallies)
    for (const [operation, calls] of Object.entries(tally)) addUp((merged[operation] ??= emptyCalls()), calls)
  return merged
}

/** All operations as one. */
export function total(tally: Tally): OperationCalls {
  const sum = emptyCalls()
  for (const calls of Object.values(tally)) addUp(sum, calls)
  return sum
}

const emptyCalls = (): OperationCalls => ({
  calls: 0,
  faults: 0,
  throttled: 0,
  errors: {},
  tookMs: 0,
  times: {},
})

function addUp(sum: OperationCalls, more: OperationCalls): void {
  sum.calls += more.calls
  sum.faults += more.faults
  sum.throttled += more.throttled
  sum.tookMs += more.tookMs
  for (const [code, times] of Object.entries(more.errors)) sum.errors[code] = (sum.errors[code] ?? 0) + times
  for (const [bucket, times] of Object.entries(more.times))
    sum.times[bucket] = (sum.times[bucket] ?? 0) + times
}

/** An account's errors of its own (a bad request, a full quota) are answers of a healthy control plane. */
const faults = new Set(['unavailable', 'timeout', 'network', 'tls', 'cloud_error'])

/** A vendor has fewer; it bounds what a name that holds an id would cost. */
const maxOperations = 200
