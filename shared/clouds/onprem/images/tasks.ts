import { setTimeout as sleep } from 'node:timers/promises'
import { callSignal } from '#shared/clouds/scope.ts'
import type { CloudRef, TaskState } from '#shared/clouds/port.ts'
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

/** Imports and exports: written down when they are asked for, and done by whoever follows them. */
export interface Tasks {
  /** Writes a task down, unless it is there. */
  submit(ref: CloudRef, record: TaskRecord): Promise<CloudRef>
  /**
   * How far a task is. If nobody works on it, the asker does, within the step that asks: one whose worker died is taken up by the next one
   * who asks. Waits for the end, but not for longer than `sliceMs`.
   */
  state(ref: CloudRef): Promise<TaskState | undefined>
  close(): void
}

export function createTasks(
  site: Site,
  work: (task: TaskWork) => Promise<{ image?: string }>,
  { sliceMs = 5_000 }: { sliceMs?: number } = {},
): Tasks {
  const running = new Map<string, Running>()
  const closing = new AbortController()

  const begin = (ref: CloudRef): Running => {
    const known = running.get(ref.id)
    if (known) return known
    const scope = callSignal()
    const signal = scope ? AbortSignal.any([scope, closing.signal]) : closing.signal
    const seen: Running = { percent: undefined, ended: Promise.resolve() }
    seen.ended = runTask(site, work, ref, signal, seen)
      .catch(() => undefined)
      .finally(() => running.delete(ref.id))
    running.set(ref.id, seen)
    return seen
  }

  return {
    async submit(ref, record) {
      const { records } = site.homeOf(ref.region)
      await forgetOld(site, ref.region)
      await records.insert('task', ref.id, record)
      return ref
    },
    async state({ region, id }) {
      const record = await readTask(site, { region, id })
      if (record?.state !== 'pending') return record && toState(region, record)
      const mine = running.get(id)
      // Somebody else's; a dead one's turn ends by itself.
      if (!mine && (await site.homeOf(region).records.held(turnOf(id)))) return toState(region, record)
      const { ended } = mine ?? begin({ region, id })
      await ends(ended, sliceMs)
      const after = await readTask(site, { region, id })
      const percent = running.get(id)?.percent
      return after && { ...toState(region, after), ...(percent === undefined ? {} : percent) }
    },
    close: () => closing.abort(new Error('The provider was closed.')),
  }
}

interface Running {
  percent: { progressPercent: number; message?: string } | undefined
  ended: Promise<unknown>
}

const turnOf = (id: string): string => id

const readTask = (site: Site, { region, id }: CloudRef): Promise<TaskRecord | undefined> =>
  /^task-[0-9a-f-]{36}$/.test(id) ? site.homeOf(region).records.get('task', id) : Promise.resolve(undefined)

/** Waits for the end, for the time, or for the end of the step that asks. */
async function ends(ended: Promise<unknown>, sliceMs: number): Promise<void> {
  const stop = new AbortController()
  const scope = callSignal()
  const signal = scope ? AbortSignal.any([scope, stop.signal]) : stop.signal
  await Promise.race([ended, sleep(sliceMs, undefined, { signal }).catch(() => undefined)])
  stop.abort()
  scope?.throwIfAborted()
}

async function runTask(
  site: Site,
  work: (task: TaskWork) => Promise<{ image?: string }>,
  { region, id }: CloudRef,
  signal: AbortSignal,
  seen: Running,
): Promise<void> {
  const { records } = site.homeOf(region)
  await records.alone(turnOf(id), async () => {
    const record = await records.get('task', id)
    if (record?.state !== 'pending') return
    let writtenMs = performance.now()
    const onProgress = (percent: number, message?: string) => {
      const progressPercent = Math.max(Math.floor(percent), seen.percent?.progressPercent ?? 0)
      seen.percent = { progressPercent, ...(message === undefined ? {} : { message }) }
      if (performance.now() - writtenMs < progressEveryMs) return
      writtenMs = performance.now()
      records.put('task', id, { ...record, ...seen.percent }).catch(() => undefined)
    }
    const end = await work({ id, region, record, signal, onProgress }).catch((error: unknown) => {
      signal.throwIfAborted()
      return error instanceof Error ? error : new Error(String(error))
    })
    await records.put('task', id, endOf(record, end))
  })
}

/** What a task's record is after a try. What may pass by itself is tried again by the next who asks, some times. */
function endOf(record: TaskRecord, end: { image?: string } | Error): TaskRecord {
  const { message: _, ...rest } = record
  if (!(end instanceof Error)) return { ...rest, ...end, state: 'ready', progressPercent: 100 }
  const attempts = (record.attempts ?? 0) + 1
  const passing = end instanceof NovaError && end.retryable && attempts < mostAttempts
  const remedy = end instanceof NovaError && end.remedy !== undefined ? ` ${end.remedy}` : ''
  return { ...rest, attempts, state: passing ? 'pending' : 'failed', message: `${end.message}${remedy}` }
}

const toState = (region: string, { state, progressPercent, message, image }: TaskRecord): TaskState => ({
  state,
  ...(progressPercent === undefined ? {} : { progressPercent }),
  ...(message === undefined ? {} : { message }),
  ...(image === undefined ? {} : { image: { region, id: image } }),
})

/** Tasks that ended long ago need not be remembered. */
async function forgetOld(site: Site, region: string): Promise<void> {
  const { records } = site.homeOf(region)
  const since = new Date(Date.now() - keptMs).toISOString()
  for (const { id, body } of await records.list('task'))
    if (body.state !== 'pending' && body.createdAt < since) await records.remove('task', id)
}

const mostAttempts = 5
const progressEveryMs = 2_000
const keptMs = 7 * 24 * 3_600_000
