import { AsyncLocalStorage } from 'node:async_hooks'
import { beyondSteps, withCallScope } from '#shared/clouds/scope.ts'
import type { CloudRef } from '#shared/clouds/port.ts'
import type { Site } from '#shared/clouds/onprem/hosts.ts'
import type { TaskRecord } from '#shared/clouds/onprem/records.ts'
import { NovaError } from '#shared/errors.ts'

/** What the work of a task is given. */
export interface TaskWork {
  id: string
  region: string
  record: TaskRecord
  signal: AbortSignal
  /** 0 to 100. */
  onProgress: (percent: number, message?: string) => void
}
/** What came of a task: members of its record. */
export type TaskEnd = Pick<TaskRecord, 'image' | 'checksum' | 'note'>
export type DoTask = (task: TaskWork) => Promise<TaskEnd>

/** How far a task is that this process works on. */
export type TaskProgress = Pick<TaskRecord, 'progressPercent' | 'message'>

/** The turn of whoever works on a task. */
export const turnOfTask = (id: string): string => id

/** Works on a task while nobody else does, and writes down how it ended; cut off by `signal` it leaves it for the next one. */
export async function runTask(
  site: Site,
  work: DoTask,
  { region, id }: CloudRef,
  signal: AbortSignal,
  onProgress: (progress: TaskProgress) => void,
): Promise<void> {
  const { records } = site.homeOf(region)
  const tryOnce = async () => {
    const record = await records.get('task', id)
    if (record?.state !== 'pending') return
    const notes = createNotes(site, { region, id }, record, onProgress)
    const end = await work({ id, region, record, signal, onProgress: notes.note }).catch((error: unknown) => {
      signal.throwIfAborted()
      return error instanceof Error ? error : new Error(String(error))
    })
    await notes.written()
    await records.put('task', id, endOf({ ...record, ...notes.last() }, end))
  }
  // The work is the step's and ends with it; its turn is given back all the same.
  const inStep = AsyncLocalStorage.snapshot()
  await withCallScope(beyondSteps(), () => records.alone(turnOfTask(id), () => inStep(tryOnce)))
}

/** Progress only grows, is told at once here and from time to time in the record, for those who ask elsewhere. */
function createNotes(
  site: Site,
  { region, id }: CloudRef,
  record: TaskRecord,
  onProgress: (progress: TaskProgress) => void,
) {
  const { records } = site.homeOf(region)
  let last: TaskProgress = {}
  let writing: Promise<unknown> = Promise.resolve()
  let writtenMs = performance.now()
  return {
    last: () => last,
    written: () => writing,
    note(percent: number, message?: string) {
      const progressPercent = Math.max(
        Math.floor(percent),
        last.progressPercent ?? record.progressPercent ?? 0,
      )
      last = { progressPercent, ...(message === undefined ? {} : { message }) }
      onProgress(last)
      if (performance.now() - writtenMs < writeEveryMs) return
      writtenMs = performance.now()
      const noted = { ...record, ...last }
      writing = writing.then(() => records.put('task', id, noted)).catch(() => undefined)
    },
  }
}

/** What a task's record is after a try. What may pass by itself is tried again by the next who asks, some times. */
function endOf(record: TaskRecord, end: TaskEnd | Error): TaskRecord {
  const { message: _, ...rest } = record
  if (!(end instanceof Error)) return { ...rest, ...end, state: 'ready', progressPercent: 100 }
  const attempts = (record.attempts ?? 0) + 1
  const passing = end instanceof NovaError && end.retryable && attempts < mostAttempts
  const remedy = end instanceof NovaError && end.remedy !== undefined ? ` ${end.remedy}` : ''
  return { ...rest, attempts, state: passing ? 'pending' : 'failed', message: `${end.message}${remedy}` }
}

const mostAttempts = 5
const writeEveryMs = 2_000
