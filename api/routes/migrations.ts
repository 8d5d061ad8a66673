import { z } from '@hono/zod-openapi'
import { Migration } from '#db/entities/migration.ts'
import { endpoint } from '#api/http/endpoint.ts'
import { pageMembers, pageOf, pageQuery, readCursor, writeCursor } from '#api/http/pages.ts'
import { reply } from '#api/http/reply.ts'
import { createMigration } from '#api/routes/migration-create.ts'
import { loadMigrationStatus, loadMigrationView, viewMigrations } from '#api/routes/migration-find.ts'
import { migrationSchema, migrationStatuses, migrationStatusSchema } from '#api/views/migration.ts'

const text = z.string().min(1).max(255)

const list = endpoint({
  method: 'get',
  path: '/migrations',
  operationId: 'listMigrations',
  tag: 'Migrations',
  permission: 'migrations:read',
  summary: 'List migrations',
  description: 'Newest first.',
  query: z.strictObject({
    ...pageQuery,
    status: z.enum(migrationStatuses).optional(),
    vm_id: text.optional(),
    source_provider_id: text.optional(),
    destination_provider_id: text.optional(),
  }),
  answers: {
    200: {
      description: 'One page.',
      schema: z.object({ migrations: z.array(migrationSchema), ...pageMembers }),
    },
  },
  async handle({ services, principal: { tenantId }, query }) {
    const { limit, cursor, status, vm_id: vmId } = query
    const { source_provider_id: sourceProvider, destination_provider_id: destinationProvider } = query
    const place = cursor === undefined ? undefined : readCursor(cursor)
    const rows = await services.orm.em.fork().find(
      Migration,
      {
        tenantId,
        $and: [
          status === undefined ? {} : { status },
          vmId === undefined ? {} : { vmId },
          sourceProvider === undefined ? {} : { sourceProvider },
          destinationProvider === undefined ? {} : { destinationProvider },
          place
            ? { $or: [{ startedAt: { $lt: place.at } }, { startedAt: place.at, id: { $lt: place.id } }] }
            : {},
        ],
      },
      { orderBy: [{ startedAt: 'desc' }, { id: 'desc' }], limit: limit + 1 },
    )
    const { page, next } = pageOf(rows, limit, ({ startedAt, id }) => writeCursor({ at: startedAt, id }))
    return reply(200, { migrations: await viewMigrations(services, tenantId, page), next_cursor: next })
  },
})

const get = endpoint({
  method: 'get',
  path: '/migrations/{id}',
  operationId: 'getMigration',
  tag: 'Migrations',
  permission: 'migrations:read',
  summary: 'Get a migration',
  description: 'Cancel and retry it through its job.',
  answers: { 200: { description: 'The migration.', schema: migrationSchema } },
  async handle({ services, principal, param }) {
    return reply(200, await loadMigrationView(services, principal.tenantId, param('id')))
  },
})

const status = endpoint({
  method: 'get',
  path: '/migrations/{id}/status',
  operationId: 'getMigrationStatus',
  tag: 'Migrations',
  permission: 'migrations:read',
  summary: 'Get a migration’s steps',
  description: 'With every step, those to come included, and what has been measured.',
  answers: { 200: { description: 'The migration and its steps.', schema: migrationStatusSchema } },
  async handle({ services, principal, param }) {
    return reply(200, await loadMigrationStatus(services, principal.tenantId, param('id')))
  },
})

export const migrationEndpoints = [list, createMigration, get, status]
