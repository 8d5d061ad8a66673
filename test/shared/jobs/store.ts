import type { Pool } from 'pg'
import { openPool } from '#db/pool.ts'
import { claimSteps, type ClaimedStep } from '#shared/jobs/claim.ts'
import { registerOutline } from '#shared/jobs/outlines.ts'
import type { Dispatch } from '#shared/jobs/queues.ts'
import { submitJob, type NewJob } from '#shared/jobs/submit.ts'
import { createTestDatabase } from '#test/setup/database.ts'

export const kind = 'test.store'

/** A database with jobs in it, and no queue and no worker around it: a test moves the jobs itself. */
export interface Store {
  url: string
  db: Pool
  submit(job?: Partial<NewJob>): Promise<string>
  /** Takes hold of a step as a worker would. */
  claim(
    jobId: string,
    options?: Partial<Dispatch> & { leaseMs?: number; holder?: string },
  ): Promise<ClaimedStep | undefined>
  step(jobId: string, position?: number): Promise<Record<string, unknown>>
  outbox(jobId: string): Promise<{ position: number; epoch: number; delayed: boolean }[]>
  close(): Promise<void>
}

export async function createStore(): Promise<Store> {
  registerOutline(kind, {
    version: 1,
    pool: 'provisioning',
    steps: ['one', 'two', 'three'].map((name) => ({ name, weight: 1 })),
  })
  const database = await createTestDatabase()
  const db = openPool(database.url, 10)
  return {
    url: database.url,
    db,
    async submit(job = {}) {
      const { jobId } = await submitJob(db, { tenantId: 'acme', kind, input: {}, ...job })
      return jobId
    },
    async claim(jobId, { leaseMs = 60_000, holder = 'worker', ...dispatch } = {}) {
      const [step] = await claimSteps(db, [{ jobId, direction: 'do', position: 0, epoch: 1, ...dispatch }], {
        holder,
        leaseMs,
      })
      return step
    },
    async step(jobId, position = 0) {
      const { rows } = await db.query<Record<string, unknown>>(
        'select * from job_steps where job_id = $1 and position = $2',
        [jobId, position],
      )
      return rows[0] ?? {}
    },
    async outbox(jobId) {
      const { rows } = await db.query<{ position: number; epoch: number; delayed: boolean }>(
        'select position, epoch, not_before is not null as delayed from outbox where job_id = $1 order by id',
        [jobId],
      )
      return rows
    },
    async close() {
      await db.end()
      await database.drop()
    },
  }
}
