import { setTimeout as sleep } from 'node:timers/promises'
import { callSignal } from '#shared/clouds/scope.ts'
import type { CloudRef, TaskState } from '#shared/clouds/port.ts'
import type { Site } from '#shared/clouds/onprem/hosts.ts'
import { runTask, turnOfTask, type DoTask, type TaskProgress } from '#shared/clouds/onprem/images/task-run.ts'
import { refusal } from '#shared/clouds/onprem/refusals.ts'
import type { TaskRecord } from '#shared/clouds/onprem/records.ts'

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

export function createTasks(site: Site, work: DoTask, { sliceMs = 5_000 }: { sliceMs?: number } = {}): Tasks {
  const running = new Map<string, { progress: TaskProgress; ended: Promise<unknown> }>()
  const closing = new AbortController()

  const begin = (ref: CloudRef): Promise<unknown> => {
    const scope = callSignal()
    const signal = scope ? AbortSignal.any([scope, closing.signal]) : closing.signal
    const onProgress = (progress: TaskProgress) => {
      const entry = running.get(ref.id)
      if (entry) entry.progress = progress
    }
    const ended = runTask(site, work, ref, signal, onProgress)
      .catch(() => undefined)
      .finally(() => running.delete(ref.id))
    running.set(ref.id, { progress: {}, ended })
    return ended
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
      if (!mine && (await site.homeOf(region).records.held(turnOfTask(id)))) return toState(region, record)
      await ends(mine?.ended ?? running.get(id)?.ended ?? begin({ region, id }), sliceMs)
      const after = await readTask(site, { region, id })
      return after && toState(region, { ...after, ...running.get(id)?.progress })
    },
    close: () => closing.abort(new Error('The provider was closed.')),
  }
}

/** Forgets a task that nobody works on. @throws CloudError `conflict` (retryable) while somebody does. */
export async function forgetTask(site: Site, { region, id }: CloudRef): Promise<void> {
  const { records } = site.homeOf(region)
  if (await records.held(turnOfTask(id)))
    throw refusal('images.taskState', `Somebody works on the task ${id}.`, {
      code: 'conflict',
      kind: 'retryable',
      remedy: 'It is tried again; who works on it ends with its step.',
    })
  await records.remove('task', id)
}

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

const toState = (
  region: string,
  { state, progressPercent, message, image, checksum, note }: TaskRecord,
): TaskState => ({
  state,
  ...(progressPercent === undefined ? {} : { progressPercent }),
  ...(message === undefined ? {} : { message }),
  ...(image === undefined ? {} : { image: { region, id: image } }),
  ...(checksum === undefined ? {} : { checksum }),
  ...(note === undefined ? {} : { note }),
})

/** Tasks that ended long ago, or that nobody has come for since, need not be remembered. */
async function forgetOld(site: Site, region: string): Promise<void> {
  const { records } = site.homeOf(region)
  const since = new Date(Date.now() - keptMs).toISOString()
  for (const { id, body } of await records.list('task'))
    if (body.createdAt < since && (body.state !== 'pending' || !(await records.held(turnOfTask(id)))))
      await records.remove('task', id)
}

const keptMs = 7 * 24 * 3_600_000
