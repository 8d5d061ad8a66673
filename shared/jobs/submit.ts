import { DatabaseError, type Pool, type PoolClient } from 'pg'
import { newId } from '#shared/ids.ts'
import { outlineOf } from '#shared/jobs/outlines.ts'

export interface NewJob {
  /** Chosen by the caller where it must appear in `extras`; otherwise made here. */
  id?: string
  tenantId: string
  /** A chain's name: one of `outlines`. */
  kind: string
  /** The `vm_…`, `mig_…` or `whd_…` that the job is about. */
  subject?: string
  input: Record<string, unknown>
  /** 0 (the default) goes first, larger later. */
  priority?: number
  deadline?: Date
  requestedBy?: string
  /** Demands that are not honoured, for the reader of the job. */
  warnings?: string[]
  /** Housekeeping, hidden from lists. */
  internal?: boolean
}

/** Rows that come into being in the same statement as the job, as objects of column names. */
export interface SubmitExtras {
  vms?: Record<string, unknown>[]
  migrations?: Record<string, unknown>[]
  deliveries?: Record<string, unknown>[]
  idempotency?: { key: string; requestHash: string; status: number; response: unknown }
}

/** The `Idempotency-Key` was used before by this tenant: read the stored answer. */
export class IdempotencyConflict extends Error {
  readonly key: string

  constructor(key: string) {
    super(`The idempotency key "${key}" has been used.`)
    this.name = 'IdempotencyConflict'
    this.key = key
  }
}

/**
 * Accepts a job: the job, its first step, its first event, its dispatch and the given rows, in one statement, so all or none.
 * Whoever calls it wakes the relay afterwards (`wake.notify('novacron_outbox', '')`).
 * @throws IdempotencyConflict if the key exists.
 */
export async function submitJob(
  db: Pool | PoolClient,
  job: NewJob,
  extras: SubmitExtras = {},
): Promise<{ jobId: string }> {
  const outline = outlineOf(job.kind)
  const [first] = outline.steps
  if (!first) throw new Error(`The chain "${job.kind}" has no steps.`)
  const jobId = job.id ?? newId('job')
  const { idempotency } = extras
  try {
    await db.query({
      name: 'submit-job',
      text: submitSql,
      values: [
        jobId,
        job.tenantId,
        job.kind,
        outline.version,
        job.subject ?? null,
        job.internal ?? false,
        JSON.stringify(job.input),
        JSON.stringify(job.warnings ?? []),
        job.priority ?? 0,
        job.requestedBy ?? null,
        job.deadline ?? null,
        first.name,
        outline.pool,
        rows(extras.vms),
        rows(extras.migrations),
        rows(extras.deliveries),
        idempotency?.key ?? null,
        idempotency?.requestHash ?? null,
        idempotency?.status ?? null,
        idempotency ? JSON.stringify(idempotency.response) : null,
      ],
    })
  } catch (error) {
    if (error instanceof DatabaseError && error.constraint === 'idempotency_keys_pkey' && idempotency)
      throw new IdempotencyConflict(idempotency.key)
    throw error
  }
  return { jobId }
}

const rows = (list: Record<string, unknown>[] | undefined) => (list?.length ? JSON.stringify(list) : null)

const submitSql = `
with key as (
  insert into idempotency_keys (tenant_id, key, request_hash, status, response)
  select $2, $17::text, $18::text, $19::int, $20::jsonb where $17::text is not null
), job as (
  insert into jobs (id, tenant_id, kind, chain_version, state, subject, internal, input, vars, residue, warnings, priority, requested_by, deadline, event_seq)
  values ($1, $2, $3, $4, 'queued', $5, $6, $7, '{}', '[]', $8, $9, $10, $11, 1)
), step as (
  insert into job_steps (job_id, direction, position, name, queue, state) values ($1, 'do', 0, $12, $13, 'queued')
), event as (
  insert into job_events (job_id, seq, type, data) values ($1, 1, 'job.queued', jsonb_build_object('kind', $3::text, 'subject', $5::text))
), dispatch as (
  insert into outbox (queue, job_id, direction, position, epoch, name, priority) values ($13, $1, 'do', 0, 1, $12, $9)
), vm as (
  insert into multicloud_vms (id, tenant_id, provider_id, vm_id, name, region, instance_type, state, tags, observed, request)
  select id, tenant_id, provider_id, vm_id, name, region, instance_type, state, tags, observed, request
  from jsonb_populate_recordset(null::multicloud_vms, $14::jsonb)
), migration as (
  insert into migrations (id, tenant_id, vm_id, source_provider, destination_provider, destination_region, status, job_id, request, metrics)
  select id, tenant_id, vm_id, source_provider, destination_provider, destination_region, status, job_id, request, metrics
  from jsonb_populate_recordset(null::migrations, $15::jsonb)
), delivery as (
  insert into webhook_deliveries (id, tenant_id, webhook_id, message_id, type, payload, state)
  select id, tenant_id, webhook_id, message_id, type, payload, state
  from jsonb_populate_recordset(null::webhook_deliveries, $16::jsonb)
)
select 1`
