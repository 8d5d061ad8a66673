import { inTransaction } from '#db/transaction.ts'
import { z } from '@hono/zod-openapi'
import { Webhook, WebhookDelivery } from '#db/entities/webhook.ts'
import { newId } from '#shared/ids.ts'
import { removeCredentials, storeCredentials, webhookCredential } from '#shared/secrets/credentials.ts'
import { command } from '#api/http/command.ts'
import { endpoint } from '#api/http/endpoint.ts'
import { pageMembers, pageOf, pageQuery, readCursor, writeCursor } from '#api/http/pages.ts'
import { assertMatches } from '#api/http/precondition.ts'
import { notFound } from '#api/http/problem.ts'
import { etagOf, reply } from '#api/http/reply.ts'
import { loadWebhook } from '#api/routes/webhook-find.ts'
import {
  assertReachable,
  createWebhookBody,
  newSecret,
  replaceWebhookBody,
} from '#api/routes/webhook-input.ts'
import { rotateSecret, testWebhook } from '#api/routes/webhook-secret.ts'
import { deliverySchema, deliveryView, webhookSchema, webhookView } from '#api/views/webhook.ts'

const created = z
  .object({
    webhook: webhookSchema,
    secret: z.string().openapi({ description: 'Signs the messages. Shown this once.' }),
  })
  .openapi('CreatedWebhook')

const list = endpoint({
  method: 'get',
  path: '/webhooks',
  operationId: 'listWebhooks',
  tag: 'Webhooks',
  permission: 'webhooks:read',
  summary: 'List webhooks',
  description: 'Newest first.',
  query: z.strictObject(pageQuery),
  answers: {
    200: { description: 'One page.', schema: z.object({ webhooks: z.array(webhookSchema), ...pageMembers }) },
  },
  async handle({ services, principal, query: { limit, cursor } }) {
    const place = cursor === undefined ? undefined : readCursor(cursor)
    const rows = await services.orm.em.fork().find(
      Webhook,
      {
        tenantId: principal.tenantId,
        ...(place
          ? { $or: [{ createdAt: { $lt: place.at } }, { createdAt: place.at, id: { $lt: place.id } }] }
          : {}),
      },
      { orderBy: [{ createdAt: 'desc' }, { id: 'desc' }], limit: limit + 1 },
    )
    const { page, next } = pageOf(rows, limit, ({ createdAt, id }) => writeCursor({ at: createdAt, id }))
    return reply(200, { webhooks: page.map((webhook) => webhookView(services, webhook)), next_cursor: next })
  },
})

const create = endpoint({
  method: 'post',
  path: '/webhooks',
  operationId: 'createWebhook',
  tag: 'Webhooks',
  permission: 'webhooks:manage',
  summary: 'Create a webhook',
  description:
    'Has finished jobs told to an address, signed by the Standard Webhooks specification: `data` holds `job_id`, `kind`, `subject`, `state`, `problem` and `output`, as the job itself does.',
  body: createWebhookBody,
  answers: { 201: { description: 'Created; the secret is shown this once.', schema: created } },
  async handle(call) {
    const { services, principal, body } = call
    const { tenantId } = principal
    assertReachable(body.url, services.config.ALLOW_PRIVATE_NETWORKS)
    return command(call, async (db) => {
      const id = newId('whk')
      const secret = newSecret()
      await db.query('insert into tenants (id, name) values ($1, $1) on conflict do nothing', [tenantId])
      const { rows } = await db.query<{ created_at: Date; updated_at: Date }>(
        `insert into webhooks (id, tenant_id, url, events, description, enabled) values ($1, $2, $3, $4, $5, $6)
         returning created_at, updated_at`,
        [id, tenantId, body.url, JSON.stringify(body.events), body.description ?? null, body.enabled],
      )
      await storeCredentials(db, services.keyring, tenantId, webhookCredential(id), { secret })
      const at = rows[0] ?? { created_at: new Date(), updated_at: new Date() }
      const webhook = webhookView(services, {
        id,
        ...body,
        description: body.description ?? null,
        version: 1,
        createdAt: at.created_at,
        updatedAt: at.updated_at,
      })
      return {
        status: 201,
        body: { webhook, secret },
        headers: { etag: etagOf(1), location: webhook.links['self'] ?? '' },
        secret: true,
      }
    })
  },
})

const get = endpoint({
  method: 'get',
  path: '/webhooks/{id}',
  operationId: 'getWebhook',
  tag: 'Webhooks',
  permission: 'webhooks:read',
  summary: 'Get a webhook',
  answers: { 200: { description: 'The webhook; its version is in `ETag`.', schema: webhookSchema } },
  async handle({ services, principal, param }) {
    const webhook = await loadWebhook(services, principal.tenantId, param('id'))
    return reply(200, webhookView(services, webhook), { etag: etagOf(webhook.version) })
  },
})

const replace = endpoint({
  method: 'put',
  path: '/webhooks/{id}',
  operationId: 'replaceWebhook',
  tag: 'Webhooks',
  permission: 'webhooks:manage',
  summary: 'Change a webhook',
  description: 'Replaces the configuration. Enabling it again forgets why it was disabled.',
  body: replaceWebhookBody,
  guarded: true,
  answers: { 200: { description: 'Changed.', schema: webhookSchema } },
  async handle({ c, services, principal, body, param }) {
    const { tenantId } = principal
    const before = await loadWebhook(services, tenantId, param('id'))
    assertMatches(c, before.version)
    assertReachable(body.url, services.config.ALLOW_PRIVATE_NETWORKS)
    const changed = await services.orm.em.fork().nativeUpdate(
      Webhook,
      { tenantId, id: before.id, version: before.version },
      {
        url: body.url,
        events: body.events,
        description: body.description ?? null,
        enabled: body.enabled,
        ...(body.enabled ? { disabledReason: null } : {}),
        version: before.version + 1,
        updatedAt: new Date(),
      },
    )
    if (changed === 0) assertMatches(c, before.version + 1)
    const webhook = await loadWebhook(services, tenantId, before.id)
    return reply(200, webhookView(services, webhook), { etag: etagOf(webhook.version) })
  },
})

const remove = endpoint({
  method: 'delete',
  path: '/webhooks/{id}',
  operationId: 'deleteWebhook',
  tag: 'Webhooks',
  permission: 'webhooks:manage',
  summary: 'Remove a webhook',
  description: 'Forgets it, its secret and its deliveries; what has not been delivered is not sent any more.',
  answers: { 204: { description: 'Removed.' } },
  async handle({ services, principal, param }) {
    const { tenantId } = principal
    const id = param('id')
    await inTransaction(services.pool, async (db) => {
      const { rowCount } = await db.query('delete from webhooks where tenant_id = $1 and id = $2', [
        tenantId,
        id,
      ])
      if (rowCount === 0) throw notFound('webhook')
      await removeCredentials(db, tenantId, webhookCredential(id))
    })
    return reply(204, null)
  },
})

const deliveries = endpoint({
  method: 'get',
  path: '/webhooks/{id}/deliveries',
  operationId: 'listDeliveries',
  tag: 'Webhooks',
  permission: 'webhooks:read',
  summary: 'List a webhook’s deliveries',
  description: 'Newest first, with the outcome of the last try.',
  query: z.strictObject({ ...pageQuery, state: z.enum(['pending', 'delivered', 'failed']).optional() }),
  answers: {
    200: {
      description: 'One page.',
      schema: z.object({ deliveries: z.array(deliverySchema), ...pageMembers }),
    },
  },
  async handle({ services, principal, param, query: { limit, cursor, state } }) {
    const { tenantId } = principal
    const webhook = await loadWebhook(services, tenantId, param('id'))
    const place = cursor === undefined ? undefined : readCursor(cursor)
    const rows = await services.orm.em.fork().find(
      WebhookDelivery,
      {
        tenantId,
        webhookId: webhook.id,
        ...(state === undefined ? {} : { state }),
        ...(place
          ? { $or: [{ createdAt: { $lt: place.at } }, { createdAt: place.at, id: { $lt: place.id } }] }
          : {}),
      },
      { orderBy: [{ createdAt: 'desc' }, { id: 'desc' }], limit: limit + 1 },
    )
    const { page, next } = pageOf(rows, limit, ({ createdAt, id }) => writeCursor({ at: createdAt, id }))
    return reply(200, { deliveries: page.map((delivery) => deliveryView(delivery)), next_cursor: next })
  },
})

export const webhookEndpoints = [list, create, get, replace, remove, rotateSecret, testWebhook, deliveries]
