import { Webhook, WebhookDelivery } from '#db/entities/webhook.ts'
import { notFound } from '#api/http/problem.ts'
import type { Services } from '#api/services.ts'

/** A webhook of the tenant. @throws ApiError `not_found`. */
export async function loadWebhook({ orm }: Services, tenantId: string, id: string): Promise<Webhook> {
  const webhook = await orm.em.fork().findOne(Webhook, { tenantId, id })
  if (!webhook) throw notFound('webhook')
  return webhook
}

/** A delivery of the tenant. @throws ApiError `not_found`. */
export async function loadDelivery(
  { orm }: Services,
  tenantId: string,
  id: string,
): Promise<WebhookDelivery> {
  const delivery = await orm.em.fork().findOne(WebhookDelivery, { tenantId, id })
  if (!delivery) throw notFound('delivery')
  return delivery
}
