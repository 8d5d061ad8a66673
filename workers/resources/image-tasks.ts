import { setTimeout as sleep } from 'node:timers/promises'
import { CloudError } from '#shared/clouds/errors.ts'
import type { Cloud, CloudObject, CloudRef, ImageFormat, ObjectRef, TaskState } from '#shared/clouds/port.ts'
import { stepsOf, type StepContext } from '#shared/jobs/chain.ts'
import type { ExportImageInput, ImportImageInput } from '#shared/resources/specs.ts'
import { forwardCheckpoint } from '#workers/forward.ts'
import { recordResource } from '#workers/resources/record.ts'
import type { CreateVars } from '#workers/resources/create.ts'
import { removeOwned } from '#workers/undo-owned.ts'

interface TaskVars {
  /** The vendor's import or export. */
  task: CloudRef
  /** What an export has written. */
  file: ExportedFile
  notes: string[]
}

/** Where an exported file is, and what it is; as the job's output tells it. */
interface ExportedFile {
  region: string
  /** The cloud's id of the bucket, and the object's key in it. */
  bucket: string
  key: string
  format: ImageFormat
  size_bytes: number | null
  /** An algorithm such as `sha256`, a colon, the digest in hexadecimal; null where the cloud tells none. */
  checksum: string | null
}

const importing = stepsOf<ImportImageInput, TaskVars & CreateVars>()
const exporting = stepsOf<ExportImageInput, TaskVars>()

/** Starts the vendor's import of a file. What it leaves behind is found by its tags once it has ended: see the undo. */
export const startImport = importing('start', {
  gives: ['task'],
  effect: 'changes',
  async run(context) {
    const { provider_id: providerId, name, tags, spec } = context.input
    const cloud = await context.cloud(providerId)
    const intent = { token: context.token('import'), tags: { ...tags, ...context.tags() } }
    const task = await cloud.images.importFile({ ...intent, name, ...spec })
    await context.saveCheckpoint(task)
    return { task }
  },
  undo: {
    async run(context) {
      const { provider_id: providerId, region } = context.input
      const cloud = await context.cloud(providerId)
      const task = (await forwardCheckpoint(context)) as CloudRef | undefined
      // No cloud ends one half way: what it makes can be removed when it is there.
      const ended = task && (await untilEnded(context, cloud, task))
      if (ended?.image) await cloud.images.delete(ended.image)
      await removeOwned(context, { providerId, region })
    },
  },
})

/** Waits for the image. */
export const awaitImport = importing('await_task', {
  needs: ['task'],
  gives: ['ref', 'kept'],
  effect: 'none',
  async run(context, { task }) {
    const { input, tenantId } = context
    const cloud = await context.cloud(input.provider_id)
    const { image: ref } = succeeded(cloud, task, await untilEnded(context, cloud, task))
    if (!ref) throw new Error('an import that succeeded has an image')
    const row = { tenantId, providerId: input.provider_id, kind: 'image', id: input.resource_id } as const
    recordResource(context, row, {
      ...ref,
      name: input.name,
      state: 'pending',
      tags: input.tags,
      observed: {},
    })
    return { ref, kept: {} }
  },
})

/** Starts the vendor's export of an image to an object. */
export const startExport = exporting('start', {
  gives: ['task'],
  effect: 'changes',
  async run(context) {
    const { input } = context
    const cloud = await context.cloud(input.provider_id)
    const image = { region: input.region, id: input.cloud_id ?? '' }
    const intent = { token: context.token('export'), tags: context.tags() }
    const task = await cloud.images.exportFile({
      ...intent,
      image,
      format: input.format,
      target: input.target,
    })
    await context.saveCheckpoint(task)
    return { task }
  },
  undo: {
    async run(context) {
      const { provider_id: providerId, region, target } = context.input
      const cloud = await context.cloud(providerId)
      const task = (await forwardCheckpoint(context)) as CloudRef | undefined
      if (task) await untilEnded(context, cloud, task)
      // One that nobody got to know of is found by its tags, and ended; then nothing writes the file any more.
      await removeOwned(context, { providerId, region })
      await cloud.storage.objects.delete({ region: target.region, id: target.bucket }, target.key)
    },
  },
})

/** Waits for the file, and looks at it. */
export const awaitExport = exporting('await_task', {
  needs: ['task'],
  gives: ['file', 'notes'],
  effect: 'none',
  async run(context, { task }) {
    const { provider_id: providerId, target, format } = context.input
    const cloud = await context.cloud(providerId)
    const { checksum, note } = succeeded(cloud, task, await untilEnded(context, cloud, task))
    const object = await findObject(cloud, target)
    const file = {
      ...target,
      format,
      size_bytes: object?.sizeBytes ?? null,
      checksum: checksum ?? object?.checksum ?? null,
    }
    return { file, notes: note === undefined ? [] : [note] }
  },
})

/** What the job of an export answers. */
export const outputOfExport = (vars: Record<string, unknown>): Record<string, unknown> => {
  const { file, notes } = vars as unknown as TaskVars
  return { file, notes }
}

async function findObject(
  cloud: Cloud,
  { region, bucket, key }: ObjectRef,
): Promise<CloudObject | undefined> {
  for await (const object of cloud.storage.objects.list({ region, id: bucket }, { prefix: key }))
    if (object.key === key) return object
  return undefined
}

/** Follows a task to its end; undefined if the vendor does not know it (any more). @throws CloudError `timeout` (retryable). */
async function untilEnded(
  context: Pick<StepContext<unknown>, 'signal' | 'progress'>,
  cloud: Cloud,
  task: CloudRef,
): Promise<TaskState | undefined> {
  const startedMs = performance.now()
  for (let delayMs = firstDelayMs; ; delayMs = Math.min(maxDelayMs, delayMs * 1.6)) {
    context.signal.throwIfAborted()
    const state = await cloud.images.taskState(task)
    const elapsedMs = performance.now() - startedMs
    if (state && state.state !== 'pending') return state
    if (!state && elapsedMs > cloud.inventory.settlesMs) return undefined
    context.progress(state?.progressPercent ?? 0, 100, state?.message)
    if (elapsedMs > timeoutMs) throw tooSlow(cloud, task)
    await sleep(delayMs, undefined, { signal: context.signal })
  }
}

function succeeded(cloud: Cloud, task: CloudRef, ended: TaskState | undefined): TaskState {
  if (ended?.state === 'ready') return ended
  throw new CloudError(
    ended
      ? `The cloud could not finish ${task.id}: ${ended.message ?? 'it gives no reason'}.`
      : `The cloud does not know the task ${task.id}.`,
    {
      cloud: cloud.type,
      operation: 'task',
      code: 'image_task_failed',
      remedy: 'Check the file, its format and the permissions of the vendor’s import and export service.',
    },
  )
}

const tooSlow = (cloud: Cloud, task: CloudRef) =>
  new CloudError(`Waited ${timeoutMs / 3_600_000} h for ${task.id}; it is still under way.`, {
    cloud: cloud.type,
    operation: 'task',
    code: 'timeout',
    kind: 'retryable',
    remedy: "It is waited for again; look at it in the cloud's console.",
  })

/** Vendors take hours for large images. */
const timeoutMs = 6 * 3_600_000
const firstDelayMs = 100
const maxDelayMs = 15_000
