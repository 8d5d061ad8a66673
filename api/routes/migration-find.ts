import { Job, JobStep } from '#db/entities/job.ts'
import { Migration } from '#db/entities/migration.ts'
import { notFound } from '#api/http/problem.ts'
import type { Services } from '#api/services.ts'
import { migrationStatusView, migrationView } from '#api/views/migration.ts'

/** A migration of the tenant with its job. @throws ApiError `not_found`. */
export async function loadMigration({ orm }: Services, tenantId: string, id: string) {
  const em = orm.em.fork()
  const migration = await em.findOne(Migration, { tenantId, id })
  if (!migration) throw notFound('migration')
  const job = await em.findOne(Job, { tenantId, id: migration.jobId })
  return { migration, job: job ?? undefined }
}

/** The same as the API shows it, with the steps of its job. */
export async function loadMigrationStatus(services: Services, tenantId: string, id: string) {
  const { migration, job } = await loadMigration(services, tenantId, id)
  const steps = await services.orm.em.fork().find(JobStep, { jobId: migration.jobId })
  const facts = job ?? { id: migration.jobId, kind: 'migration.cold', state: 'failed', progress: 0 }
  return migrationStatusView(services, migration, facts, steps)
}

/** Several migrations with the progress of their jobs. */
export async function viewMigrations(services: Services, migrations: readonly Migration[]) {
  const jobs = await services.orm.em.fork().find(Job, { id: { $in: migrations.map(({ jobId }) => jobId) } })
  const byId = new Map(jobs.map((job) => [job.id, job]))
  return migrations.map((migration) => migrationView(services, migration, byId.get(migration.jobId)))
}
