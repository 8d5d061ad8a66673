import { z } from '@hono/zod-openapi'
import { time } from '#api/http/schemas.ts'
import { formatDuration } from '#api/http/duration.ts'
import { failure, timeOf } from '#api/views/job.ts'
import type { Job, JobStep } from '#db/entities/job.ts'
import { outlines, type Outline } from '#shared/jobs/outlines.ts'
import { isFinished, type Direction } from '#shared/jobs/types.ts'

const states = ['pending', 'queued', 'running', 'succeeded', 'failed', 'cancelled', 'skipped'] as const
export type StepViewState = (typeof states)[number]

export const stepSchema = z
  .object({
    name: z.string(),
    direction: z.enum(['do', 'undo']),
    state: z.enum(states),
    progress: z.number().openapi({ description: '0 to 1.' }),
    done: z.number().openapi({ description: 'What is done, in the unit of the step (bytes for a copy).' }),
    total: z.number().openapi({ description: '0 where the step cannot say.' }),
    detail: z.string().nullable(),
    attempts: z.int().openapi({ description: 'Failed tries so far.' }),
    next_try_at: time.nullable(),
    started_at: time.nullable(),
    finished_at: time.nullable(),
    duration: z.string().nullable().openapi({ example: '1m12.5s' }),
    problem: failure.nullable(),
  })
  .openapi('Step')

export type StepView = z.input<typeof stepSchema>

/**
 * Every step of a job: those that have run or are running, and those that the chain's outline says are to come. Undo steps follow, in
 * the order in which they run (backwards).
 */
export function stepsView(
  job: Pick<Job, 'kind' | 'state'>,
  rows: readonly JobStep[],
  now = new Date(),
): StepView[] {
  const known = (outlines as Record<string, Outline>)[job.kind]
  const forwards = rows.filter((row) => row.direction === 'do').toSorted((a, b) => a.position - b.position)
  const backwards = rows.filter((row) => row.direction === 'undo').toSorted((a, b) => b.position - a.position)
  const ahead = (known?.steps ?? []).slice(forwards.length)
  const absent: StepViewState = isFinished(job.state) || job.state === 'undoing' ? 'skipped' : 'pending'
  return [
    ...forwards.map((row) => viewOf(row, 'do', now)),
    ...ahead.map(({ name }) => unstarted(name, absent)),
    ...backwards.map((row) => viewOf(row, 'undo', now)),
  ]
}

function viewOf(row: JobStep, direction: Direction, now: Date): StepView {
  const state = states.find((one) => one === row.state) ?? 'failed'
  const [done, total] = [Number(row.progressDone), Number(row.progressTotal)]
  const ended = row.finishedAt ?? (state === 'running' ? now : undefined)
  return {
    name: row.name,
    direction,
    state,
    progress: state === 'succeeded' ? 1 : total > 0 ? Math.min(1, done / total) : 0,
    done,
    total,
    detail: row.detail ?? null,
    attempts: row.attempts,
    next_try_at: state === 'queued' && row.notBefore && row.notBefore > now ? timeOf(row.notBefore) : null,
    started_at: timeOf(row.startedAt),
    finished_at: timeOf(row.finishedAt),
    duration: row.startedAt && ended ? formatDuration(ended.getTime() - row.startedAt.getTime()) : null,
    problem: row.problem ? { ...row.problem } : null,
  }
}

const unstarted = (name: string, state: StepViewState): StepView => ({
  name,
  direction: 'do',
  state,
  progress: 0,
  done: 0,
  total: 0,
  detail: null,
  attempts: 0,
  next_try_at: null,
  started_at: null,
  finished_at: null,
  duration: null,
  problem: null,
})
