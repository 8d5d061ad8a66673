import { z } from '@hono/zod-openapi'
import { links, time } from '#api/http/schemas.ts'
import { linkTo } from '#api/views/links.ts'
import type { Services } from '#api/services.ts'
import type { Webhook, WebhookDelivery } from '#db/entities/webhook.ts'

export const webhookSchema = z
  .object({
    id: z.string(),
    url: z.string(),
    events: z.array(z.string()),
    description: z.string().nullable(),
    enabled: z.boolean(),
    disabled_reason: z.string().nullable(),
    version: z.int(),
    created_at: time,
    updated_at: time,
    links,
  })
  .openapi('Webhook')

export const deliverySchema = z
  .object({
    id: z.string(),
    webhook_id: z.string(),
    message_id: z.string().openapi({ description: 'The `webhook-id` header; the same for every try.' }),
    type: z.string(),
    payload: z.record(z.string(), z.unknown()),
    state: z.string().openapi({ description: '`pending`, `delivered` or `failed`.' }),
    attempts: z.int(),
    response_status: z.int().nullable(),
    error: z.string().nullable(),
    created_at: time,
    delivered_at: time.nullable(),
  })
  .openapi('Delivery')

export type WebhookFacts = Pick<
  Webhook,
  'id' | 'url' | 'events' | 'enabled' | 'version' | 'createdAt' | 'updatedAt'
> &
  Partial<Pick<Webhook, 'description' | 'disabledReason'>>

export function webhookView(
  services: Pick<Services, 'config'>,
  webhook: WebhookFacts,
): z.input<typeof webhookSchema> {
  const self = linkTo(services, `/webhooks/${webhook.id}`)
  return {
    id: webhook.id,
    url: webhook.url,
    events: webhook.events,
    description: webhook.description ?? null,
    enabled: webhook.enabled,
    disabled_reason: webhook.disabledReason ?? null,
    version: webhook.version,
    created_at: webhook.createdAt.toISOString(),
    updated_at: webhook.updatedAt.toISOString(),
    links: {
      self,
      deliveries: `${self}/deliveries`,
      test: `${self}/test`,
      rotate_secret: `${self}/rotate-secret`,
    },
  }
}

export type DeliveryFacts = Pick<
  WebhookDelivery,
  'id' | 'messageId' | 'type' | 'payload' | 'state' | 'createdAt'
> & {
  webhookId: string
} & Partial<Pick<WebhookDelivery, 'attempts' | 'responseStatus' | 'error' | 'deliveredAt'>>

export const deliveryView = (delivery: DeliveryFacts): z.input<typeof deliverySchema> => ({
  id: delivery.id,
  webhook_id: delivery.webhookId,
  message_id: delivery.messageId,
  type: delivery.type,
  payload: delivery.payload,
  state: delivery.state,
  attempts: delivery.attempts ?? 0,
  response_status: delivery.responseStatus ?? null,
  error: delivery.error ?? null,
  created_at: delivery.createdAt.toISOString(),
  delivered_at: delivery.deliveredAt?.toISOString() ?? null,
})
