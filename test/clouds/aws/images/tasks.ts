import { setTimeout as delay } from 'node:timers/promises'
import { chosen, tagsFor, tagsOf, type Scene } from '#test/clouds/aws/action.ts'
import { shownStatus } from '#test/clouds/aws/images/rules.ts'
import { filtered, paged } from '#test/clouds/aws/querying.ts'
import { Refusal } from '#test/clouds/aws/refusal.ts'
import { newId, type Tagged, type World } from '#test/clouds/aws/world.ts'
import type { Xml } from '#test/clouds/aws/xml.ts'
import { createLifecycle, type Life } from '#test/clouds/core/clock.ts'

/** What VM Import/Export has under way or has done. `failed` is shown as `deleted` with the reason, as the service does. */
export type TaskLife = 'active' | 'completed' | 'failed' | 'cancelled'

interface Task extends Tagged {
  region: string
  description: string
  clientToken: string | undefined
  asked: string
  life: Life<TaskLife>
  /** Why it failed. */
  reason: string | undefined
}

export interface ImportTask extends Task {
  architecture: string
  bootMode: string | undefined
  url: { bucket: string; key: string }
  format: string
  imageId: string | undefined
  snapshotId: string | undefined
}

export interface ExportTask extends Task {
  imageId: string
  format: string
  bucket: string
  prefix: string
}

/** What the tasks of both directions begin with. */
export const newTask = (
  { world, region }: Scene,
  { id, kind, input }: { id: 'import-ami' | 'export-ami'; kind: string; input: TaskInput },
): Task => ({
  id: newId(id),
  seq: world.nextSeq(),
  tags: tagsFor(kind, input.TagSpecification),
  region: region.name,
  description: input.Description ?? '',
  clientToken: input.ClientToken,
  asked: JSON.stringify(input),
  life: createLifecycle<TaskLife>({ transitions: {}, clock: world.clock }).start('active'),
  reason: undefined,
})

interface TaskInput {
  ClientToken: string | undefined
  Description: string | undefined
  TagSpecification: Parameters<typeof tagsFor>[1]
}

/** A page of a region's tasks. */
export function listTasks<T extends Task>(
  { world, region }: Scene,
  tasks: ReadonlyMap<string, T>,
  asked: {
    ids: string[]
    unknown: string
    filters: Parameters<typeof filtered>[1]
    maxResults: number | undefined
    nextToken: string | undefined
  },
): { page: T[]; nextToken: string | undefined } {
  const own = new Map([...tasks].filter(([, task]) => task.region === region.name))
  const found = filtered(chosen(region, own, asked.ids, asked.unknown), asked.filters, {
    'task-state': ({ life }) => [shownStatus(life.state())],
  })
  const query = ['tasks', asked.unknown, asked.ids, asked.filters]
  return paged(world, found, { query, maxResults: asked.maxResults, nextToken: asked.nextToken })
}

/** Cancels what is under way. */
export function cancelTask<T extends Task>(
  tasks: ReadonlyMap<string, T>,
  id: string,
  { unknown, reason }: { unknown: string; reason: string },
): void {
  const task = tasks.get(id)
  if (!task) throw new Refusal(unknown, `The task ${id} does not exist`)
  if (task.life.state() !== 'active') throw new Refusal('IncorrectState', `The task ${id} is not active`)
  task.life.enter('cancelled')
  task.reason = reason
}

/** Waits until the task has had the time that a conversion takes; false if it was cancelled meanwhile, or the cloud is closed. */
export async function conversionTime(world: World, { life }: Task): Promise<boolean> {
  const dueMs = life.sinceMs() + world.delays.snapshot
  while (life.state() === 'active' && world.clock.now() < dueMs && !world.closing.aborted)
    await delay(Math.max(1, Math.min(10, dueMs - world.clock.now())))
  return life.state() === 'active' && world.clock.now() >= dueMs
}

export const describeTask = (task: Task, activePercent: string): { [element: string]: Xml } => {
  const isActive = task.life.state() === 'active'
  return {
    description: task.description,
    progress: isActive ? activePercent : undefined,
    status: shownStatus(task.life.state()),
    statusMessage: isActive ? 'converting' : task.reason,
    tagSet: tagsOf(task.tags),
  }
}
