import { z } from '@hono/zod-openapi'
import { openCredentials, storeCredentials, webhookCredential } from '#shared/secrets/credentials.ts'
import { newId } from '#shared/ids.ts'
import { submitJob } from '#shared/jobs/submit.ts'
import { command } from '#api/http/command.ts'
import { endpoint } from '#api/http/endpoint.ts'
import { afterWait } from '#api/http/prefer.ts'
import { ApiError } from '#api/http/problem.ts'
import { links, time } from '#api/http/schemas.ts'
import { loadJobView } from '#api/routes/load.ts'
import { loadDelivery, loadWebhook } from '#api/routes/webhook-find.ts'
import { newSecret } from '#api/routes/webhook-input.ts'
import { freshJob, jobSchema, jobView } from '#api/views/job.ts'
import { deliverySchema, deliveryView, webhookSchema, webhookView } from '#api/views/webhook.ts'

const rotated = z
  .object({
    webhook: webhookSchema,
    secret: z.string().openapi({ description: 'Shown this once.' }),
    previous_secret_valid_until: time,
  })
  .openapi('RotatedSecret')

export const rotateSecret = endpoint({
  method: 'post',
  path: '/webhooks/{id}/rotate-secret',
  operationId: 'rotateWebhookSecret',
  tag: 'Webhooks',
  permission: 'webhooks:manage',
  summary: 'Rotate a webhook’s secret',
  description: 'Makes a new signing secret. For 24 hours messages are signed with both.',
  answers: { 200: { description: 'The new secret, shown this once.', schema: rotated } },
  async handle(call) {
    const { services, principal, param } = call
    const { tenantId } = principal
    const webhook = await loadWebhook(services, tenantId, param('id'))
    return command(call, async (db) => {
      const id = webhookCredential(webhook.id)
      const before = await openCredentials(db, services.keyring, tenantId, id)
      const secret = newSecret()
      const until = new Date(Date.now() + overlapMs).toISOString()
      await storeCredentials(db, services.keyring, tenantId, id, {
        secret,
        ...(before['secret'] ? { previous_secret: before['secret'], previous_until: until } : {}),
      })
      return {
        status: 200,
        body: { webhook: webhookView(services, webhook), secret, previous_secret_valid_until: until },
        secret: true,
      }
    })
  },
})

const tested = z.object({ delivery: deliverySchema, job: jobSchema, links }).openapi('TestDelivery')

export const testWebhook = endpoint({
  method: 'post',
  path: '/webhooks/{id}/test',
  operationId: 'testWebhook',
  tag: 'Webhooks',
  permission: 'webhooks:manage',
  summary: 'Send a test message',
  description: 'Sends a message of type `webhook.test`, signed like any other.',
  waits: true,
  answers: {
    200: {
      description: 'The delivery has ended while the answer was held (`Prefer: wait`).',
      schema: tested,
    },
    202: { description: 'Accepted.', schema: tested },
  },
  problems: ['webhook_disabled'],
  async handle(call) {
    const { services, principal, param } = call
    const { tenantId } = principal
    const webhook = await loadWebhook(services, tenantId, param('id'))
    if (!webhook.enabled)
      throw new ApiError('webhook_disabled', 'The webhook is disabled, so nothing is sent to it.', {
        remedy: `Enable it with PUT /api/multicloud/webhooks/${webhook.id}.`,
      })
    const deliveryId = newId('whd')
    const jobId = newId('job')
    const response = await command(call, async (db) => {
      const at = new Date()
      const type = 'webhook.test'
      const message = {
        id: deliveryId,
        messageId: newId('msg'),
        type,
        state: 'pending',
        webhookId: webhook.id,
      }
      const payload = {
        type,
        timestamp: at.toISOString(),
        data: { webhook_id: webhook.id, message: 'This is a test message.' },
      }
      await submitJob(
        db,
        {
          id: jobId,
          tenantId,
          kind: 'webhook.deliver',
          subject: deliveryId,
          internal: true,
          input: { delivery_id: deliveryId, webhook_id: webhook.id },
          requestedBy: principal.subject,
        },
        {
          deliveries: [
            {
              id: deliveryId,
              tenant_id: tenantId,
              webhook_id: webhook.id,
              message_id: message.messageId,
              type,
              payload,
              state: 'pending',
            },
          ],
        },
      )
      const job = jobView(
        services,
        freshJob(
          { id: jobId, kind: 'webhook.deliver', subject: deliveryId, requestedBy: principal.subject },
          at,
        ),
      )
      return {
        status: 202,
        body: { delivery: deliveryView({ ...message, payload, createdAt: at }), job, links: job.links },
        jobs: [jobId],
      }
    })
    return afterWait(call, response, jobId, async () => {
      const [delivery, job] = await Promise.all([
        loadDelivery(services, tenantId, deliveryId),
        loadJobView(services, tenantId, jobId),
      ])
      return { delivery: deliveryView(delivery), job, links: job.links }
    })
  },
})

const overlapMs = 24 * 3_600_000
