import { z } from '@hono/zod-openapi'
import { links, time, warnings } from '#api/http/schemas.ts'
import { linkTo } from '#api/views/links.ts'
import { resourcePaths } from '#api/views/resource.ts'
import type { Services } from '#api/services.ts'
import type { Job } from '#db/entities/job.ts'
import { isFinished } from '#shared/jobs/types.ts'
import { kindOfId } from '#shared/resources/kinds.ts'

const states = ['queued', 'running', 'undoing', 'succeeded', 'failed', 'cancelled'] as const
export const jobState = z.enum(states)

export const failure = z
  .looseObject({
    code: z.string(),
    detail: z.string(),
    remedy: z.string().optional(),
    step: z.string().optional(),
  })
  .openapi('Failure', { description: 'Why a job or step failed.' })

export const residue = z.object({ step: z.string(), problem: failure, at: z.string() }).openapi('Residue', {
  description: 'Something that could not be taken back and that a person should look at.',
})

const jobFields = {
  id: z.string(),
  kind: z.string().openapi({ example: 'migration.cold' }),
  state: jobState,
  subject: z
    .string()
    .nullable()
    .openapi({ description: 'What it is about: a VM, migration, provider or delivery.' }),
  progress: z.number().openapi({ description: '0 to 1; never falls.' }),
  eta: time.nullable(),
  priority: z.int(),
  requested_by: z.string().nullable(),
  warnings,
  problem: failure.nullable(),
  residue: z.array(residue),
  output: z.record(z.string(), z.unknown()).nullable(),
  deadline: time.nullable(),
  cancel_requested_at: time.nullable(),
  cancel_reason: z.string().nullable(),
  created_at: time,
  started_at: time.nullable(),
  finished_at: time.nullable(),
  updated_at: time,
  links,
}

export const jobSchema = z.object(jobFields).openapi('Job')

/** What the view needs of a row; a job that was accepted a moment ago has no more. */
export type JobFacts = Pick<
  Job,
  | 'id'
  | 'kind'
  | 'state'
  | 'subject'
  | 'progress'
  | 'priority'
  | 'requestedBy'
  | 'warnings'
  | 'createdAt'
  | 'updatedAt'
> &
  Partial<
    Pick<
      Job,
      | 'eta'
      | 'problem'
      | 'residue'
      | 'output'
      | 'deadline'
      | 'cancelRequestedAt'
      | 'cancelReason'
      | 'startedAt'
      | 'finishedAt'
    >
  >

/** A job as the API shows it. Its input and variables stay inside: they may hold what a user would not want shown. */
export function jobView(services: Pick<Services, 'config'>, job: JobFacts): z.input<typeof jobSchema> {
  const self = linkTo(services, `/jobs/${job.id}`)
  const subject = subjectPath(job)
  return {
    id: job.id,
    kind: job.kind,
    state: states.find((state) => state === job.state) ?? 'failed',
    subject: job.subject ?? null,
    progress: Number(job.progress),
    eta: timeOf(job.eta),
    priority: job.priority,
    requested_by: job.requestedBy ?? null,
    warnings: job.warnings,
    problem: job.problem ? { ...job.problem } : null,
    residue: (job.residue ?? []).map((one) => ({ ...one, problem: { ...one.problem } })),
    output: job.output ?? null,
    deadline: timeOf(job.deadline),
    cancel_requested_at: timeOf(job.cancelRequestedAt),
    cancel_reason: job.cancelReason ?? null,
    created_at: job.createdAt.toISOString(),
    started_at: timeOf(job.startedAt),
    finished_at: timeOf(job.finishedAt),
    updated_at: job.updatedAt.toISOString(),
    links: {
      self,
      events: `${self}/events`,
      ...(isFinished(job.state) ? {} : { cancel: `${self}/cancel` }),
      ...(job.state === 'failed' || job.state === 'cancelled' ? { retry: `${self}/retry` } : {}),
      ...(subject ? { subject: linkTo(services, subject) } : {}),
    },
  }
}

/** A job that is being accepted right now. */
export const freshJob = (
  job: Pick<JobFacts, 'id' | 'kind'> & { subject: string; warnings?: string[]; requestedBy: string },
  at: Date = new Date(),
): JobFacts => ({
  ...job,
  warnings: job.warnings ?? [],
  state: 'queued',
  progress: 0,
  priority: 0,
  createdAt: at,
  updatedAt: at,
})

export const timeOf = (at: Date | null | undefined): string | null => at?.toISOString() ?? null

function subjectPath({ kind, subject }: JobFacts): string | undefined {
  if (!subject) return undefined
  const resource = kindOfId(subject)
  if (resource) return `${resourcePaths[resource]}/${subject}`
  if (subject.startsWith('vm_')) return `/vms/${subject}`
  const [family] = kind.split('.')
  if (family === 'migration') return `/migrations/${subject}`
  if (family === 'provider') return `/providers/${encodeURIComponent(subject)}`
  return undefined
}

export const waitingSchema = z.looseObject({ reason: z.string(), detail: z.string() }).openapi('Waiting', {
  description: 'Why the job is not moving: back-off, no worker, a paused pool, others in front.',
})

export { jobFields }
