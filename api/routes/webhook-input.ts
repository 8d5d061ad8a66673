import { z } from '@hono/zod-openapi'
import { randomBytes } from 'node:crypto'
import { troubleWithUrl, urlRemedy } from '#shared/public-url.ts'
import { invalid } from '#api/http/problem.ts'

const eventPattern = z
  .string()
  .regex(
    /^(\*|(job|migration|vm|provider)\.(\*|succeeded|failed|cancelled))$/,
    'must be *, or job, migration, vm or provider followed by .*, .succeeded, .failed or .cancelled',
  )

const fields = {
  url: z.string().min(1).max(2048).openapi({ example: 'https://hooks.example.com/novacron' }),
  events: z
    .array(eventPattern)
    .min(1)
    .max(20)
    .default(['*'])
    .openapi({
      description: 'What to hear of; each finished job is told once, by its most general matching name.',
      example: ['migration.*'],
    }),
  description: z.string().max(500).optional(),
  enabled: z.boolean().default(true),
}

export const createWebhookBody = z.strictObject(fields).openapi('CreateWebhook')
export const replaceWebhookBody = z
  .strictObject(fields)
  .openapi('ReplaceWebhook', { description: 'The whole configuration; the secret stays.' })

/** Throws ApiError `validation_failed` for an address that messages must not be sent to. */
export function assertReachable(url: string, allowPrivate: boolean): void {
  const reason = troubleWithUrl(url, allowPrivate)
  if (reason) throw invalid([{ field: 'url', reason, remedy: urlRemedy }])
}

/** A signing secret in the form of Standard Webhooks: `whsec_` and the base64 of 32 random bytes. */
export const newSecret = (): string => `whsec_${randomBytes(32).toString('base64')}`
