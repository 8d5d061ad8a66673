import { DatabaseError, Pool, type PoolClient } from 'pg'
import { newId } from '#shared/ids.ts'
import { createBatcher, Refusal } from '#shared/jobs/batch.ts'
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
 * Accepts a job: the job, its first step, its first event, its dispatch and the given rows, in one statement, so all or none. Given a pool,
 * submissions of the same moment share a statement and a commit, which is three times the throughput (measured with 32 at once); one that is
 * refused is refused alone. Given a client, it is part of that client's transaction.
 * Whoever calls it wakes the relay afterwards (`wake.notify('novacron_outbox', '')`).
 * @throws IdempotencyConflict if the key exists.
 */
export async function submitJob(
  db: Pool | PoolClient,
  job: NewJob,
  extras: SubmitExtras = {},
): Promise<{ jobId: string }> {
  const submission = toSubmission(job, extras)
  await (db instanceof Pool ? batcherOf(db)(submission) : insert(db, [submission]))
  return { jobId: submission.row.id }
}

interface Submission {
  row: ReturnType<typeof toRow>
  extras: SubmitExtras
}

const batchers = new WeakMap<Pool, (submission: Submission) => Promise<void>>()

function batcherOf(pool: Pool) {
  const known = batchers.get(pool)
  if (known) return known
  const fresh = createBatcher<Submission, void>((batch) => insertTogether(pool, batch), maxBatch)
  batchers.set(pool, fresh)
  return fresh
}

/** One statement for all; if it is refused, one for each, so that only the culprit hears of it. */
async function insertTogether(pool: Pool, batch: Submission[]): Promise<(void | Refusal)[]> {
  try {
    await insert(pool, batch)
    return batch.map(() => undefined)
  } catch (error) {
    if (batch.length === 1 || !(error instanceof DatabaseError)) throw error
    const results = await Promise.allSettled(batch.map((one) => insert(pool, [one])))
    return results.map((result) => (result.status === 'fulfilled' ? undefined : new Refusal(result.reason)))
  }
}

async function insert(db: Pool | PoolClient, batch: Submission[]): Promise<void> {
  try {
    await db.query({
      name: 'submit-jobs',
      text: submitSql,
      values: [
        JSON.stringify(batch.map(({ row }) => row)),
        rowsOf(batch, 'vms'),
        rowsOf(batch, 'migrations'),
        rowsOf(batch, 'deliveries'),
      ],
    })
  } catch (error) {
    const key = batch[0]?.extras.idempotency?.key
    if (
      batch.length === 1 &&
      key &&
      error instanceof DatabaseError &&
      error.constraint === 'idempotency_keys_pkey'
    )
      throw new IdempotencyConflict(key)
    throw error
  }
}

function toSubmission(job: NewJob, extras: SubmitExtras): Submission {
  return { row: toRow(job, extras), extras }
}

function toRow(job: NewJob, { idempotency }: SubmitExtras) {
  const outline = outlineOf(job.kind)
  const [first] = outline.steps
  if (!first) throw new Error(`The chain "${job.kind}" has no steps.`)
  return {
    id: job.id ?? newId('job'),
    tenant_id: job.tenantId,
    kind: job.kind,
    chain_version: outline.version,
    subject: job.subject ?? null,
    internal: job.internal ?? false,
    input: job.input,
    warnings: job.warnings ?? [],
    priority: job.priority ?? 0,
    requested_by: job.requestedBy ?? null,
    deadline: job.deadline ?? null,
    step: first.name,
    queue: outline.pool,
    idempotency_key: idempotency?.key ?? null,
    request_hash: idempotency?.requestHash ?? null,
    response_status: idempotency?.status ?? null,
    response: idempotency?.response ?? null,
  }
}

/** Null where there are none: then nothing is unpacked at all. */
function rowsOf(batch: readonly Submission[], kind: 'vms' | 'migrations' | 'deliveries'): string | null {
  const rows = batch.flatMap(({ extras }) => extras[kind] ?? [])
  return rows.length > 0 ? JSON.stringify(rows) : null
}

/** Bounds one statement; larger batches gain nothing measurable. */
const maxBatch = 50

const submitSql = `
with w as (
  select * from jsonb_to_recordset($1::jsonb) as w(
    id text, tenant_id text, kind text, chain_version int, subject text, internal boolean, input jsonb, warnings jsonb, priority int,
    requested_by text, deadline timestamptz, step text, queue text,
    idempotency_key text, request_hash text, response_status int, response jsonb)
), key as (
  insert into idempotency_keys (tenant_id, key, request_hash, status, response)
  select tenant_id, idempotency_key, request_hash, response_status, coalesce(response, 'null') from w where idempotency_key is not null
), job as (
  insert into jobs (id, tenant_id, kind, chain_version, state, subject, internal, input, vars, residue, warnings, priority, requested_by, deadline, event_seq)
  select id, tenant_id, kind, chain_version, 'queued', subject, internal, input, '{}', '[]', warnings, priority, requested_by, deadline, 1 from w
), step as (
  insert into job_steps (job_id, direction, position, name, queue, state) select id, 'do', 0, step, queue, 'queued' from w
), event as (
  insert into job_events (job_id, seq, type, data) select id, 1, 'job.queued', jsonb_build_object('kind', kind, 'subject', subject) from w
), dispatch as (
  insert into outbox (queue, job_id, direction, position, epoch, name, priority) select queue, id, 'do', 0, 1, step, priority from w
), vm as (
  insert into multicloud_vms (id, tenant_id, provider_id, vm_id, name, region, instance_type, state, tags, observed, request)
  select id, tenant_id, provider_id, vm_id, name, region, instance_type, state, tags, observed, request
  from jsonb_populate_recordset(null::multicloud_vms, $2::jsonb)
), migration as (
  insert into migrations (id, tenant_id, vm_id, source_provider, destination_provider, destination_region, status, job_id, request, metrics)
  select id, tenant_id, vm_id, source_provider, destination_provider, destination_region, status, job_id, request, metrics
  from jsonb_populate_recordset(null::migrations, $3::jsonb)
), delivery as (
  insert into webhook_deliveries (id, tenant_id, webhook_id, message_id, type, payload, state)
  select id, tenant_id, webhook_id, message_id, type, payload, state
  from jsonb_populate_recordset(null::webhook_deliveries, $4::jsonb)
)
select 1`
