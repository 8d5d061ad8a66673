import { z } from '@hono/zod-openapi'
import { formatDuration } from '#api/http/duration.ts'
import { links, time } from '#api/http/schemas.ts'
import { failure, residue, timeOf } from '#api/views/job.ts'
import { linkTo } from '#api/views/links.ts'
import { stepsView, type StepView, type StepViewState } from '#api/views/steps.ts'
import type { Services } from '#api/services.ts'
import type { Job, JobStep } from '#db/entities/job.ts'
import type { Migration } from '#db/entities/migration.ts'
import { isFinished } from '#shared/jobs/types.ts'

export const migrationStatuses = [
  'pending',
  'in_progress',
  'completed',
  'failed',
  'cancelled',
  'rolled_back',
] as const

const stepStatuses = ['pending', 'in_progress', 'completed', 'failed', 'skipped'] as const

const migrationStep = z
  .object({
    name: z.string(),
    status: z.enum(stepStatuses),
    start_time: time.nullable(),
    end_time: time.nullable(),
    duration: z.string().nullable().openapi({ example: '1m12.5s' }),
    progress: z.number().openapi({ description: '0 to 100.' }),
    details: z.string().nullable(),
    error: z.string().nullable(),
  })
  .openapi('MigrationStep')

const metrics = z
  .looseObject({
    data_transferred: z.number().nullable().openapi({ description: 'Bytes.' }),
    transfer_rate: z.number().nullable().openapi({ description: 'Bytes per second.' }),
    total_downtime: z
      .string()
      .nullable()
      .openapi({ description: 'From stopping the source to the running destination.' }),
    network_latency: z.string().nullable(),
    compression_ratio: z.number().nullable(),
    verification_time: z.string().nullable(),
  })
  .openapi('MigrationMetrics')

const fields = {
  id: z.string(),
  migration_id: z.string().openapi({ description: 'The same as `id`.' }),
  vm_id: z.string().openapi({ description: 'As named in the request.' }),
  vm_name: z.string().nullable().openapi({ description: 'Null for a VM that is not in our books yet.' }),
  source_provider_id: z.string(),
  destination_provider_id: z.string(),
  destination_region: z.string().nullable(),
  status: z.enum(migrationStatuses),
  progress: z.number().openapi({ description: '0 to 100; never falls.' }),
  current_step: z
    .string()
    .nullable()
    .openapi({ description: 'The step that runs or waits to run; null once it has ended.' }),
  start_time: time,
  end_time: time.nullable(),
  estimated_completion: time.nullable(),
  destination_vm_id: z
    .string()
    .nullable()
    .openapi({ description: 'The destination cloud’s own id of the moved VM, once there is one.' }),
  error_message: z.string().nullable(),
  completion_message: z.string().nullable(),
  job_id: z.string(),
  request: z.record(z.string(), z.unknown()),
  links,
}

export const migrationSchema = z.object(fields).openapi('Migration')

export const migrationStatusSchema = z
  .object({
    ...fields,
    steps: z.array(migrationStep),
    rollback_steps: z
      .array(migrationStep)
      .openapi({ description: 'What has been taken back, in that order.' }),
    residue: z.array(residue),
    problem: failure.nullable(),
    metrics,
  })
  .openapi('MigrationStatus')

/** A migration that was accepted a moment ago has no job row to look at. */
export type MigrationJob = Pick<Job, 'id' | 'kind' | 'state' | 'progress'> &
  Partial<Pick<Job, 'eta' | 'problem' | 'residue'>>

export type MigrationFacts = Pick<
  Migration,
  'id' | 'vmId' | 'sourceProvider' | 'destinationProvider' | 'status' | 'jobId' | 'request' | 'startedAt'
> &
  Partial<
    Pick<
      Migration,
      'destinationRegion' | 'destinationVmId' | 'metrics' | 'completedAt' | 'errorMessage' | 'progress'
    >
  >

/** What of a migration lies in other tables than its own and its job's. */
export interface MigrationSurroundings {
  vmName?: string | undefined
  currentStep?: string | undefined
}

export function migrationView(
  services: Pick<Services, 'config'>,
  migration: MigrationFacts,
  job: MigrationJob | undefined,
  { vmName, currentStep }: MigrationSurroundings,
): z.input<typeof migrationSchema> {
  const status = statusOf(migration, job)
  const self = linkTo(services, `/migrations/${migration.id}`)
  const ended = !['pending', 'in_progress'].includes(status)
  const jobLink = linkTo(services, `/jobs/${migration.jobId}`)
  return {
    id: migration.id,
    migration_id: migration.id,
    vm_id: migration.vmId,
    vm_name: vmName ?? null,
    source_provider_id: migration.sourceProvider,
    destination_provider_id: migration.destinationProvider,
    destination_region: migration.destinationRegion ?? null,
    status,
    progress: round(Math.max(migration.progress ?? 0, Number(job?.progress ?? 0) * 100)),
    current_step: ended ? null : (currentStep ?? null),
    start_time: migration.startedAt.toISOString(),
    end_time: timeOf(migration.completedAt),
    estimated_completion: ended ? null : timeOf(job?.eta),
    destination_vm_id: migration.destinationVmId ?? null,
    error_message: migration.errorMessage ?? job?.problem?.detail ?? null,
    completion_message: status === 'completed' ? completionMessage(migration) : null,
    job_id: migration.jobId,
    request: migration.request,
    links: {
      self,
      status: `${self}/status`,
      job: jobLink,
      events: `${jobLink}/events`,
      ...(ended ? {} : { cancel: `${jobLink}/cancel` }),
      ...(migration.destinationVmId
        ? {
            destination_vm: linkTo(
              services,
              `/vms/${encodeURIComponent(migration.destinationVmId)}?provider_id=${encodeURIComponent(migration.destinationProvider)}`,
            ),
          }
        : {}),
    },
  }
}

export function migrationStatusView(
  services: Pick<Services, 'config'>,
  migration: MigrationFacts,
  job: MigrationJob,
  rows: readonly JobStep[],
  vmName: string | undefined,
): z.input<typeof migrationStatusSchema> {
  const steps = stepsView(job, rows)
  const currentStep = steps.find(({ state }) => state === 'running' || state === 'queued')?.name
  return {
    ...migrationView(services, migration, job, { vmName, currentStep }),
    steps: steps.filter(({ direction }) => direction === 'do').map(migrationStepView),
    rollback_steps: steps.filter(({ direction }) => direction === 'undo').map(migrationStepView),
    residue: (job.residue ?? []).map((one) => ({ ...one, problem: { ...one.problem } })),
    problem: job.problem ? { ...job.problem } : null,
    metrics: { ...noMetrics, ...migration.metrics, ...inWords(migration.metrics) },
  }
}

const noMetrics = {
  data_transferred: null,
  transfer_rate: null,
  total_downtime: null,
  network_latency: null,
  compression_ratio: null,
  verification_time: null,
}

/** The chain measures in milliseconds; the API speaks of durations, and keeps the number beside the word. */
function inWords(measured: Record<string, unknown> = {}): Record<string, string | number> {
  const { total_downtime: downtimeMs, verification_time: verificationMs } = measured
  return {
    ...(typeof downtimeMs === 'number'
      ? { total_downtime: formatDuration(downtimeMs), total_downtime_ms: downtimeMs }
      : {}),
    ...(typeof verificationMs === 'number'
      ? { verification_time: formatDuration(verificationMs), verification_time_ms: verificationMs }
      : {}),
  }
}

/** The row's own word where it is final; otherwise the job's, which is always up to date. */
function statusOf(
  { status }: MigrationFacts,
  job: MigrationJob | undefined,
): (typeof migrationStatuses)[number] {
  const own = migrationStatuses.find((one) => one === status) ?? 'pending'
  if (!job || (own !== 'pending' && own !== 'in_progress')) return own
  if (!isFinished(job.state)) return job.state === 'queued' ? 'pending' : 'in_progress'
  return job.state === 'succeeded' ? 'completed' : job.state === 'cancelled' ? 'cancelled' : 'failed'
}

const stepStatus: Record<StepViewState, (typeof stepStatuses)[number]> = {
  pending: 'pending',
  queued: 'pending',
  running: 'in_progress',
  succeeded: 'completed',
  failed: 'failed',
  cancelled: 'skipped',
  skipped: 'skipped',
}

const migrationStepView = (step: StepView): z.input<typeof migrationStep> => ({
  name: step.name,
  status: stepStatus[step.state],
  start_time: step.started_at,
  end_time: step.finished_at,
  duration: step.duration,
  progress: round(step.progress * 100),
  details: step.detail,
  error: step.problem?.detail ?? null,
})

function completionMessage({ destinationProvider, destinationRegion, request }: MigrationFacts): string {
  const place = destinationRegion ? `${destinationProvider} (${destinationRegion})` : destinationProvider
  const source = request['delete_source'] === true ? 'the source was deleted' : 'the source is kept, stopped'
  return `The VM runs on ${place}; ${source}.`
}

const round = (percent: number): number => Math.round(percent * 100) / 100
