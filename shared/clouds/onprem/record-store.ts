import { randomUUID } from 'node:crypto'
import type { HostRecords } from '#shared/clouds/onprem/host.ts'
import type { RecordKind, RecordKinds } from '#shared/clouds/onprem/records.ts'
import { refusal } from '#shared/clouds/onprem/refusals.ts'
import { pause } from '#shared/clouds/scope.ts'

export interface Stored<K extends RecordKind> {
  id: string
  body: RecordKinds[K]
}

/** The records of one host, typed by kind. */
export interface RecordStore {
  get<K extends RecordKind>(kind: K, id: string): Promise<RecordKinds[K] | undefined>
  list<K extends RecordKind>(kind: K): Promise<Stored<K>[]>
  /** Adds or replaces whole. For what several may change at once, see `change`. */
  put<K extends RecordKind>(kind: K, id: string, body: RecordKinds[K]): Promise<void>
  /** Adds; false, and nothing done, if it is there already. */
  insert<K extends RecordKind>(kind: K, id: string, body: RecordKinds[K]): Promise<boolean>
  /**
   * Replaces a record by what `next` makes of it, with nobody else in between. `next` giving the same object, or undefined, changes nothing.
   * Resolves with what is there afterwards; undefined if there is no such record.
   */
  change<K extends RecordKind>(
    kind: K,
    id: string,
    next: (body: RecordKinds[K]) => RecordKinds[K] | undefined | Promise<RecordKinds[K] | undefined>,
  ): Promise<RecordKinds[K] | undefined>
  /** Runs `work` while no other process runs work under the same name on this host. */
  alone<T>(name: string, work: () => Promise<T>): Promise<T>
  /** Gone already is fine. */
  remove(kind: RecordKind, id: string): Promise<void>
}

export function createRecordStore(records: HostRecords, host: string): RecordStore {
  const get = async <K extends RecordKind>(kind: K, id: string) =>
    (await records.get(kind, id)) as RecordKinds[K] | undefined
  const alone = createTurns(records, host)
  return {
    get,
    list: async <K extends RecordKind>(kind: K) => (await records.list(kind)) as Stored<K>[],
    put: (kind, id, body) => records.put(kind, id, body),
    insert: (kind, id, body) => records.insert(kind, id, body),
    change: (kind, id, next) =>
      alone(`${kind}-${id}`, async () => {
        const before = await get(kind, id)
        if (before === undefined) return undefined
        const after = await next(before)
        if (after === undefined || after === before) return before
        await records.put(kind, id, after)
        return after
      }),
    alone,
    remove: (kind, id) => records.remove(kind, id),
  }
}

interface Turn {
  by: string
  untilMs: number
}

/**
 * Turns between processes: a record of kind `turn` that only one can insert. One whose holder died is taken over when its time is up; the
 * one who takes over is found by the same means. Clocks of workers may differ by less than `turnMs`.
 */
function createTurns(records: HostRecords, host: string) {
  const here = new Map<string, Promise<unknown>>()

  const take = async (name: string, by: string): Promise<void> => {
    const giveUpMs = performance.now() + 2 * turnMs
    for (;;) {
      if (await insertTurn(records, name, by)) return
      const seen = (await records.get('turn', name)) as Turn | undefined
      if (seen?.by === by) return
      if (seen !== undefined && seen.untilMs < Date.now() && (await takeOver(records, name, seen, by))) return
      if (performance.now() > giveUpMs)
        throw refusal('records', `Host ${host}: ${name} is being changed by another worker.`, {
          code: 'conflict',
          kind: 'retryable',
          remedy: 'It is tried again.',
        })
      await pause(5 + Math.random() * 20)
    }
  }
  const guarded = async <T>(name: string, work: () => Promise<T>): Promise<T> => {
    const by = randomUUID()
    await take(name, by)
    try {
      return await work()
    } finally {
      await records.remove('turn', name).catch(() => undefined)
    }
  }

  /** Within a process they queue, which needs no asking of the host. */
  return async <T>(name: string, work: () => Promise<T>): Promise<T> => {
    const before = here.get(name)
    const mine = (before ?? Promise.resolve()).catch(() => undefined).then(() => guarded(name, work))
    here.set(name, mine)
    try {
      return await mine
    } finally {
      if (here.get(name) === mine) here.delete(name)
    }
  }
}

/** A lost reply is no reason to wait for oneself: what was inserted can be read back. */
async function insertTurn(records: HostRecords, name: string, by: string): Promise<boolean> {
  const turn: Turn = { by, untilMs: Date.now() + turnMs }
  try {
    return await records.insert('turn', name, turn)
  } catch (error) {
    const seen = (await records.get('turn', name).catch(() => undefined)) as Turn | undefined
    if (seen?.by === by) return true
    throw error
  }
}

async function takeOver(records: HostRecords, name: string, stale: Turn, by: string): Promise<boolean> {
  const claim = `${name}-after-${stale.by}`
  if (!(await records.insert('turn', claim, { by, untilMs: Date.now() + turnMs }))) {
    const other = (await records.get('turn', claim)) as Turn | undefined
    if (other !== undefined && other.untilMs < Date.now()) await records.remove('turn', claim)
    return false
  }
  try {
    const seen = (await records.get('turn', name)) as Turn | undefined
    if (seen?.by !== stale.by) return false
    await records.put('turn', name, { by, untilMs: Date.now() + turnMs })
    return true
  } finally {
    await records.remove('turn', claim).catch(() => undefined)
  }
}

/** Longest that work under a turn takes: a few records are read and written. */
const turnMs = 20_000
