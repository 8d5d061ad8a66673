import { Job, JobStep } from '#db/entities/job.ts'
import { Migration } from '#db/entities/migration.ts'
import { notFound } from '#api/http/problem.ts'
import { namesOf } from '#api/routes/names.ts'
import type { Services } from '#api/services.ts'
import { migrationStatusView, migrationView } from '#api/views/migration.ts'

/** A migration as the API shows it. @throws ApiError `not_found`. */
export async function loadMigrationView(services: Services, tenantId: string, id: string) {
  const migration = await findMigration(services, tenantId, id)
  const [view] = await viewMigrations(services, tenantId, [migration])
  if (!view) throw notFound('migration')
  return view
}

/** The same with the steps of its job. @throws ApiError `not_found`. */
export async function loadMigrationStatus(services: Services, tenantId: string, id: string) {
  const migration = await findMigration(services, tenantId, id)
  const { jobId } = migration
  const [job, steps, names] = await Promise.all([
    services.orm.em.fork().findOne(Job, { tenantId, id: jobId }),
    services.orm.em.fork().find(JobStep, { jobId }),
    namesOf(services, tenantId, [id]),
  ])
  const facts = job ?? { id: jobId, kind: 'migration.cold', state: 'failed', progress: 0 }
  return migrationStatusView(services, migration, facts, steps, names.get(id))
}

/** Several migrations with the progress of their jobs, the steps that these are at, and the names of their VMs. */
export async function viewMigrations(services: Services, tenantId: string, migrations: readonly Migration[]) {
  const jobIds = migrations.map(({ jobId }) => jobId)
  const [jobs, steps, names] = await Promise.all([
    services.orm.em.fork().find(Job, { id: { $in: jobIds } }),
    services.orm.em.fork().find(JobStep, { jobId: { $in: jobIds }, state: { $in: ['queued', 'running'] } }),
    namesOf(
      services,
      tenantId,
      migrations.map(({ id }) => id),
    ),
  ])
  const jobById = new Map(jobs.map((job) => [job.id, job]))
  const stepByJob = new Map(steps.map(({ jobId, name }) => [jobId, name]))
  return migrations.map((migration) =>
    migrationView(services, migration, jobById.get(migration.jobId), {
      vmName: names.get(migration.id),
      currentStep: stepByJob.get(migration.jobId),
    }),
  )
}

async function findMigration({ orm }: Services, tenantId: string, id: string): Promise<Migration> {
  const migration = await orm.em.fork().findOne(Migration, { tenantId, id })
  if (!migration) throw notFound('migration')
  return migration
}
