import type { HostRecords } from '#shared/clouds/onprem/host.ts'
import type { RecordKind, RecordKinds } from '#shared/clouds/onprem/records.ts'
import { createTurns, type Turns } from '#shared/clouds/onprem/turns.ts'

export interface Stored<K extends RecordKind> {
  id: string
  body: RecordKinds[K]
}

/** The records of one host, typed by kind. */
export interface RecordStore extends Turns {
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
  /** Gone already is fine. */
  remove(kind: RecordKind, id: string): Promise<void>
}

export function createRecordStore(records: HostRecords, host: string): RecordStore {
  const get = async <K extends RecordKind>(kind: K, id: string) =>
    (await records.get(kind, id)) as RecordKinds[K] | undefined
  const turns = createTurns(records, host)
  return {
    get,
    list: async <K extends RecordKind>(kind: K) => (await records.list(kind)) as Stored<K>[],
    put: (kind, id, body) => records.put(kind, id, body),
    insert: (kind, id, body) => records.insert(kind, id, body),
    change: (kind, id, next) =>
      turns.alone(`${kind}-${id}`, async () => {
        const before = await get(kind, id)
        if (before === undefined) return undefined
        const after = await next(before)
        if (after === undefined || after === before) return before
        await records.put(kind, id, after)
        return after
      }),
    ...turns,
    remove: (kind, id) => records.remove(kind, id),
  }
}
