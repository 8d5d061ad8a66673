import { createHmac } from 'node:crypto'
import { StepError } from '#shared/jobs/errors.ts'
import type { Credentials } from '#shared/secrets/credentials.ts'

export interface Message {
  /** The same for every try. */
  id: string
  /** Of this try. */
  sentAt: Date
  body: string
}

/** Headers of a message by the Standard Webhooks specification, with one `v1` signature (HMAC-SHA256) for each secret. */
export function signedHeaders(
  { id, sentAt, body }: Message,
  secrets: readonly string[],
): Record<string, string> {
  const timestamp = String(Math.floor(sentAt.getTime() / 1000))
  const signatures = secrets.map((secret) => {
    const digest = createHmac('sha256', keyOf(secret)).update(`${id}.${timestamp}.${body}`).digest('base64')
    return `v1,${digest}`
  })
  return {
    'webhook-id': id,
    'webhook-timestamp': timestamp,
    'webhook-signature': signatures.join(' '),
  }
}

/** The secrets that sign at `now`: the current one, and the one before it while a rotation lasts. */
export function secretsAt(
  { secret, previous_secret: previous, previous_until: until }: Credentials,
  now: Date,
): string[] {
  if (!secret)
    throw new StepError('The webhook has no signing secret.', {
      code: 'secret_missing',
      remedy: 'Rotate its secret: POST /api/multicloud/webhooks/{id}/rotate-secret.',
    })
  const overlaps = previous !== undefined && until !== undefined && now.getTime() < Date.parse(until)
  return overlaps ? [secret, previous] : [secret]
}

/** A secret is `whsec_` and the key in base64. */
const keyOf = (secret: string): Buffer => Buffer.from(secret.replace(/^whsec_/, ''), 'base64')
