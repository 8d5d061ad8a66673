import type { Pool } from 'pg'
import type { Family } from '#api/metrics/exposition.ts'
import { takeCensus } from '#shared/jobs/census.ts'
import type { Queues } from '#shared/jobs/queues.ts'

/** Jobs, steps and dispatches, as PostgreSQL knows them. */
export async function jobFamilies(db: Pool): Promise<Family[]> {
  const { jobs, lastHour, steps, outbox } = await takeCensus(db)
  const counted = (list: typeof jobs) =>
    list.map(({ kind, state, count }) => ({ labels: { kind, state }, value: count }))
  return [
    { name: 'novacron_jobs', type: 'gauge', help: 'Unfinished jobs.', samples: counted(jobs) },
    {
      name: 'novacron_jobs_last_hour',
      type: 'gauge',
      help: 'Jobs that were accepted within the last hour, by how they stand now.',
      samples: counted(lastHour),
    },
    {
      name: 'novacron_steps',
      type: 'gauge',
      help: 'Steps of jobs that wait for a worker or run.',
      samples: steps.map(({ pool, state, count }) => ({ labels: { pool, state }, value: count })),
    },
    {
      name: 'novacron_step_wait_seconds',
      type: 'gauge',
      help: 'How long the step that is due the longest has waited for a worker.',
      samples: steps
        .filter(({ state }) => state === 'queued')
        .map(({ pool, waitedS }) => ({ labels: { pool }, value: waitedS })),
    },
    {
      name: 'novacron_outbox_messages',
      type: 'gauge',
      help: 'Dispatches that are due to be handed to the queues.',
      samples: [{ value: outbox }],
    },
  ]
}

/** What the queues say of themselves. One that cannot be asked is told as such, and costs the others nothing. */
export async function queueFamilies({ all }: Queues): Promise<Family[]> {
  const asked = await Promise.all(
    all.map(async (queue) => {
      const answer = Promise.all([
        queue.getJobCounts('waiting', 'prioritized', 'active', 'delayed', 'failed'),
        queue.getWorkersCount(),
        queue.isPaused(),
      ])
      const state = await withinTime(answer)
      return { queue: queue.name, state }
    }),
  )
  const answered = asked.flatMap(({ queue, state }) => (state ? [{ queue, state }] : []))
  return [
    {
      name: 'novacron_queue_up',
      type: 'gauge',
      help: 'Whether the queue answers.',
      samples: asked.map(({ queue, state }) => ({ labels: { queue }, value: state ? 1 : 0 })),
    },
    {
      name: 'novacron_queue_entries',
      type: 'gauge',
      help: 'Entries of the queue by state; each is one step of a job.',
      samples: answered.flatMap(({ queue, state: [counts] }) =>
        Object.entries(counts).map(([state, value]) => ({ labels: { queue, state }, value })),
      ),
    },
    {
      name: 'novacron_queue_workers',
      type: 'gauge',
      help: 'Workers that serve the queue.',
      samples: answered.map(({ queue, state: [, workers] }) => ({ labels: { queue }, value: workers })),
    },
    {
      name: 'novacron_queue_paused',
      type: 'gauge',
      help: 'Whether the queue is paused.',
      samples: answered.map(({ queue, state: [, , paused] }) => ({
        labels: { queue },
        value: paused ? 1 : 0,
      })),
    },
  ]
}

/** Undefined for what fails or takes too long. */
function withinTime<T>(work: Promise<T>): Promise<T | undefined> {
  const late = new Promise<undefined>((resolve) => {
    setTimeout(() => resolve(undefined), patienceMs).unref()
  })
  return Promise.race([work.catch(() => undefined), late])
}

const patienceMs = 2_000
