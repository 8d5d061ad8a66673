import { defineEntity, p } from '@mikro-orm/core'
import type { Problem, Residue } from '#shared/jobs/types.ts'

/** One unit of slow work: a run of a chain. */
export const JobSchema = defineEntity({
  name: 'Job',
  tableName: 'jobs',
  indexes: [
    { properties: ['tenantId', 'createdAt', 'id'], name: 'jobs_listing' },
    { properties: ['tenantId', 'subject'], name: 'jobs_subject' },
  ],
  properties: {
    id: p.text().primary(),
    tenantId: p.text(),
    /** The chain's name, e.g. `migration.cold`. */
    kind: p.text(),
    chainVersion: p.integer(),
    /** Rises when the whole job is run again; part of every idempotency token. */
    generation: p.integer().default(1),
    /** `queued | running | undoing | succeeded | failed | cancelled` */
    state: p.text(),
    /** What the job is about: a `vm_…`, `mig_…` or `whd_…` id. */
    subject: p.text().nullable(),
    /** Housekeeping such as a webhook delivery: left out of lists unless asked for. */
    internal: p.boolean().default(false),
    input: p.json<Record<string, unknown>>(),
    /** What the steps have given so far, by name. */
    vars: p.json<Record<string, unknown>>(),
    output: p.json<Record<string, unknown>>().nullable(),
    problem: p.json<Problem>().nullable(),
    residue: p.json<Residue[]>(),
    warnings: p.json<string[]>(),
    /** 0 to 1, never falls. */
    progress: p.double().default(0),
    eta: p.datetime(3).nullable(),
    priority: p.integer().default(0),
    requestedBy: p.text().nullable(),
    deadline: p.datetime(3).nullable(),
    cancelRequestedAt: p.datetime(3).nullable(),
    cancelReason: p.text().nullable(),
    eventSeq: p.bigint('number').default(0),
    createdAt: p.datetime(3).defaultRaw('now()'),
    startedAt: p.datetime(3).nullable(),
    finishedAt: p.datetime(3).nullable(),
    updatedAt: p.datetime(3).defaultRaw('now()'),
  },
})

export class Job extends JobSchema.class {}
JobSchema.setClass(Job)

/** One step of a job, forwards (`do`) or backwards (`undo`). The row appears when the step is first dispatched. */
export const JobStepSchema = defineEntity({
  name: 'JobStep',
  tableName: 'job_steps',
  indexes: [
    { name: 'job_steps_running', properties: ['leaseUntil'], where: "state = 'running'" },
    { name: 'job_steps_queued', properties: ['updatedAt'], where: "state = 'queued'" },
  ],
  properties: {
    jobId: () => p.manyToOne(Job).mapToPk().primary().joinColumn('job_id').deleteRule('cascade'),
    /** `do | undo` */
    direction: p.text().primary(),
    position: p.integer().primary(),
    name: p.text(),
    queue: p.text(),
    /** `queued | running | succeeded | failed | cancelled` */
    state: p.text(),
    /** Which dispatch of the step is the valid one; a BullMQ job of an older epoch does nothing. */
    epoch: p.integer().default(1),
    /** Rises at every pick-up; every write of the holder carries it. */
    fence: p.integer().default(0),
    holder: p.text().nullable(),
    leaseUntil: p.datetime(3).nullable(),
    /** Failed tries so far. */
    attempts: p.integer().default(0),
    notBefore: p.datetime(3).nullable(),
    outputs: p.json<Record<string, unknown>>().nullable(),
    checkpoint: p.json<unknown>().nullable(),
    progressDone: p.double().default(0),
    progressTotal: p.double().default(0),
    detail: p.text().nullable(),
    problem: p.json<Problem>().nullable(),
    createdAt: p.datetime(3).defaultRaw('now()'),
    startedAt: p.datetime(3).nullable(),
    finishedAt: p.datetime(3).nullable(),
    updatedAt: p.datetime(3).defaultRaw('now()'),
  },
})

export class JobStep extends JobStepSchema.class {}
JobStepSchema.setClass(JobStep)

/** Append-only, numbered from 1 within a job: what SSE, webhooks and the console are fed from. */
export const JobEventSchema = defineEntity({
  name: 'JobEvent',
  tableName: 'job_events',
  properties: {
    jobId: () => p.manyToOne(Job).mapToPk().primary().joinColumn('job_id').deleteRule('cascade'),
    seq: p.bigint('number').primary(),
    type: p.text(),
    data: p.json<Record<string, unknown>>(),
    at: p.datetime(3).defaultRaw('clock_timestamp()'),
  },
})

export class JobEvent extends JobEventSchema.class {}
JobEventSchema.setClass(JobEvent)

/** A dispatch that is due to go to the queues; deleted in the transaction that has added it there. */
export const OutboxMessageSchema = defineEntity({
  name: 'OutboxMessage',
  tableName: 'outbox',
  properties: {
    id: p.bigint('number').primary().autoincrement(),
    queue: p.text(),
    jobId: p.text(),
    direction: p.text(),
    position: p.integer(),
    epoch: p.integer(),
    name: p.text(),
    priority: p.integer().default(0),
    notBefore: p.datetime(3).nullable(),
    createdAt: p.datetime(3).defaultRaw('now()'),
  },
})

export class OutboxMessage extends OutboxMessageSchema.class {}
OutboxMessageSchema.setClass(OutboxMessage)

/** Which answer an `Idempotency-Key` of a tenant was given, and for which request. */
export const IdempotencyKeySchema = defineEntity({
  name: 'IdempotencyKey',
  tableName: 'idempotency_keys',
  properties: {
    tenantId: p.text().primary(),
    key: p.text().primary(),
    requestHash: p.text(),
    status: p.integer(),
    response: p.json<unknown>(),
    createdAt: p.datetime(3).defaultRaw('now()'),
  },
})

export class IdempotencyKey extends IdempotencyKeySchema.class {}
IdempotencyKeySchema.setClass(IdempotencyKey)
