import { defineEntity, p } from '@mikro-orm/core'

/** Where a tenant wants to hear of finished jobs. The signing secret is sealed among the credentials as `webhook:<id>`. */
export const WebhookSchema = defineEntity({
  name: 'Webhook',
  tableName: 'webhooks',
  indexes: [{ properties: ['tenantId', 'createdAt', 'id'], name: 'webhooks_listing' }],
  properties: {
    id: p.text().primary(),
    tenantId: p.text(),
    url: p.text(),
    /** Event types wanted, e.g. `job.succeeded`, `migration.*`; `*` is all. */
    events: p.json<string[]>(),
    description: p.text().nullable(),
    enabled: p.boolean().default(true),
    disabledReason: p.text().nullable(),
    version: p.integer().default(1),
    createdAt: p.datetime(3).defaultRaw('now()'),
    updatedAt: p.datetime(3).defaultRaw('now()'),
  },
})

export class Webhook extends WebhookSchema.class {}
WebhookSchema.setClass(Webhook)

/** One message to one endpoint, with the outcome of its last try. Tries are made by a `webhook.deliver` job. */
export const WebhookDeliverySchema = defineEntity({
  name: 'WebhookDelivery',
  tableName: 'webhook_deliveries',
  indexes: [{ properties: ['webhookId', 'createdAt', 'id'], name: 'webhook_deliveries_listing' }],
  properties: {
    id: p.text().primary(),
    tenantId: p.text(),
    webhookId: () => p.manyToOne(Webhook).mapToPk().joinColumn('webhook_id').deleteRule('cascade'),
    /** The `webhook-id` header: the same for every try. */
    messageId: p.text(),
    type: p.text(),
    payload: p.json<Record<string, unknown>>(),
    /** `pending | delivered | failed` */
    state: p.text(),
    attempts: p.integer().default(0),
    responseStatus: p.integer().nullable(),
    error: p.text().nullable(),
    createdAt: p.datetime(3).defaultRaw('now()'),
    deliveredAt: p.datetime(3).nullable(),
  },
})

export class WebhookDelivery extends WebhookDeliverySchema.class {}
WebhookDeliverySchema.setClass(WebhookDelivery)
