import { z } from '@hono/zod-openapi'
import { newId } from '#shared/ids.ts'
import { submitJob } from '#shared/jobs/submit.ts'
import { command } from '#api/http/command.ts'
import { endpoint } from '#api/http/endpoint.ts'
import { afterWait } from '#api/http/prefer.ts'
import { links, warnings } from '#api/http/schemas.ts'
import { loadJobView } from '#api/routes/load.ts'
import { migrateBody, unhonouredDemands, type MigrateBody } from '#api/routes/migration-input.ts'
import { planMigration, type MigrationPlan } from '#api/routes/migration-plan.ts'
import { loadMigrationStatus } from '#api/routes/migration-find.ts'
import { assertIdle } from '#api/routes/vm-actions.ts'
import { workOn } from '#api/routes/vm-find.ts'
import { freshJob, jobSchema, jobView } from '#api/views/job.ts'
import { migrationStatusSchema, migrationStatusView } from '#api/views/migration.ts'

const answer = z
  .object({ migration: migrationStatusSchema, job: jobSchema, warnings, links })
  .openapi('MigrationAnswer', { description: 'The migration, and the job that carries it out.' })

export const createMigration = endpoint({
  method: 'post',
  path: '/migrations',
  operationId: 'createMigration',
  tag: 'Migrations',
  permission: 'migrations:create',
  summary: 'Migrate a VM',
  description:
    'Moves a VM to another provider or region: stops it, copies and proves its disks, makes it anew and checks that it boots. Until the commit a failure or a cancel restores the source. `warnings` names every demand that is not honoured.',
  body: migrateBody,
  waits: true,
  answers: {
    200: { description: 'The job has finished while the answer was held (`Prefer: wait`).', schema: answer },
    202: { description: 'Accepted.', schema: answer },
  },
  problems: ['migration_running', 'vm_busy', 'vm_state', 'provider_disabled', 'not_supported_yet'],
  async handle(call) {
    const { services, principal, body } = call
    const { tenantId } = principal
    const plan = await planMigration(services, tenantId, body)
    const migrationId = newId('mig')
    const jobId = newId('job')
    const demands = unhonouredDemands(body)
    const response = await command(call, async (db) => {
      assertIdle(
        call,
        await workOn(db, tenantId, {
          id: plan.vm?.id,
          providerId: plan.source.id,
          cloudId: plan.vm ? (plan.vm.vmId ?? undefined) : body.vm_id,
        }),
      )
      const request = requestOf(body, plan)
      await submitJob(
        db,
        {
          id: jobId,
          tenantId,
          kind: 'migration.cold',
          subject: migrationId,
          input: { migration_id: migrationId, ...request },
          requestedBy: principal.subject,
          warnings: demands,
        },
        {
          migrations: [
            {
              id: migrationId,
              tenant_id: tenantId,
              vm_id: body.vm_id,
              source_provider: plan.source.id,
              destination_provider: plan.destination.id,
              destination_region: plan.region,
              status: 'pending',
              job_id: jobId,
              request,
              metrics: {},
            },
          ],
        },
      )
      const job = freshJob({
        id: jobId,
        kind: 'migration.cold',
        subject: migrationId,
        warnings: demands,
        requestedBy: principal.subject,
      })
      const migration = {
        id: migrationId,
        vmId: body.vm_id,
        sourceProvider: plan.source.id,
        destinationProvider: plan.destination.id,
        destinationRegion: plan.region,
        status: 'pending',
        jobId,
        request,
        startedAt: job.createdAt,
      }
      const view = migrationStatusView(services, migration, job, [], plan.vm?.name)
      return {
        status: 202,
        body: answerOf(view, jobView(services, job), demands),
        headers: { location: view.links['self'] ?? '' },
        jobs: [jobId],
      }
    })
    return afterWait(call, response, jobId, async () => {
      const [migration, job] = await Promise.all([
        loadMigrationStatus(services, tenantId, migrationId),
        loadJobView(services, tenantId, jobId),
      ])
      return answerOf(migration, job, demands)
    })
  },
})

const answerOf = (
  migration: ReturnType<typeof migrationStatusView>,
  job: ReturnType<typeof jobView>,
  demands: string[],
): z.input<typeof answer> => ({
  migration,
  job,
  warnings: demands,
  links: {
    migration: migration.links['self'] ?? '',
    status: migration.links['status'] ?? '',
    job: job.links['self'] ?? '',
    events: job.links['events'] ?? '',
  },
})

/** The request with every name resolved: what the job works from and what the migration's row keeps. */
function requestOf(body: MigrateBody, { vm, source, destination, region }: MigrationPlan) {
  const { availability_zone: zone, ...config } = body.destination_config
  const check = body.options.boot_check
  const { timeout, ...rest } = check ?? {}
  return {
    vm_id: vm?.id ?? body.vm_id,
    source_provider_id: source.id,
    destination_provider_id: destination.id,
    destination_region: region,
    destination_config: { ...(zone === undefined ? {} : { zone }), ...config },
    delete_source: body.delete_source,
    options: check
      ? { boot_check: { ...rest, ...(timeout === undefined ? {} : { timeout_ms: timeout }) } }
      : {},
    ...(body.max_downtime === undefined ? {} : { max_downtime_ms: body.max_downtime }),
  }
}
