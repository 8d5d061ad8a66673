import type { Call } from '#test/clouds/core/types.ts'
import type { Pair } from '#test/crash/pair.ts'
import type { AuditedWrite } from '#test/crash/probes.ts'
import { chunkWrites } from '#test/crash/watch.ts'
import type { WorkerProcess } from '#test/crash/worker.ts'
import type { JobEvent } from '#test/crash/world.ts'

/** Calls to a cloud that began while another worker than the caller held the job: what had begun before, nobody can call back. */
export function strayCalls(
  pair: Pair,
  events: readonly JobEvent[],
  workers: readonly WorkerProcess[],
): Call[] {
  const taken = holdings(events)
  return pair.calls().filter(({ userAgent, begunAtMs, operation }) => {
    if (signIn.has(operation)) return false
    const caller = workers.find(({ id }) => userAgent.includes(id))
    return caller !== undefined && !holds(caller.id, taken, begunAtMs)
  })
}

/** When a worker that was paused went on. */
export interface Wake {
  id: string
  atMs: number
}

/**
 * Of stray calls, those that could have been held back. Stopped between its last look at the lease and the wire, a worker sends first thing
 * on waking what it was sending: no program can look and send in one. For a copy that is a single write of a chunk, since each begins by
 * itself, or reads of chunks, which begin together.
 */
export function avoidable(strays: readonly Call[], wakes: readonly Wake[]): Call[] {
  const excused = wakes.flatMap((wake) => {
    const next = wakes.find(({ id, atMs }) => id === wake.id && atMs > wake.atMs)?.atMs ?? Infinity
    const sent = (operations: readonly string[]) =>
      strays.filter(
        ({ userAgent, begunAtMs, operation }) =>
          userAgent.includes(wake.id) &&
          begunAtMs >= wake.atMs &&
          begunAtMs < next &&
          operations.includes(operation),
      )
    return [...sent(chunkWrites).slice(0, 1), ...sent(chunkReads).slice(0, lanes)]
  })
  const known = new Set(excused)
  return strays.filter((call) => !known.has(call))
}

/** Rows of the journal, the log and the checkpoints written by a worker while another one held the job. */
export function strayWrites(
  audit: readonly AuditedWrite[],
  events: readonly JobEvent[],
  workers: readonly WorkerProcess[],
): AuditedWrite[] {
  const taken = holdings(events)
  return audit.filter(({ by, at }) => {
    const writer = workers.find(({ name }) => name === by)
    return writer !== undefined && !holds(writer.id, taken, at.getTime())
  })
}

/** When which worker took hold of a step. Until the next one takes hold, only it may act for the job. */
function holdings(events: readonly JobEvent[]): { holder: string; fromMs: number }[] {
  return events
    .filter(({ type }) => type === 'step.started')
    .map(({ data, at }) => ({ holder: String(data['holder']), fromMs: at.getTime() }))
}

/** A token is the process's, fetched once for all of its steps; fetching one neither reads nor changes anything of the account. */
const signIn = new Set(['OAuth2_Configuration', 'OAuth2_Token', 'oauth2.token'])

/** Operations that read a chunk. */
const chunkReads = ['GetSnapshotBlock', 'Blob_Download', 'storage.objects.get']

/** Chunks that a copy has in flight (`slots` in workers/migration/copy.ts). */
const lanes = 8

/** Clocks have a resolution of a millisecond, and both ends of a hand-over may fall into the same one. */
const holds = (id: string, taken: { holder: string; fromMs: number }[], atMs: number): boolean => {
  const before = taken.findLast(({ fromMs }) => fromMs < atMs)
  const within = taken.filter(({ fromMs }) => Math.abs(fromMs - atMs) <= 1)
  return [before, ...within].some((holding) => holding?.holder === id)
}
