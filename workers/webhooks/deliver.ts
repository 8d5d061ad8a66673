import manifest from '#package.json' with { type: 'json' }
import { stepsOf, type Step, type StepContext } from '#shared/jobs/chain.ts'
import { StepError } from '#shared/jobs/errors.ts'
import type { Outbound, OutboundReply } from '#shared/outbound.ts'
import { OutboundError } from '#shared/public-url.ts'
import { openCredentials, webhookCredential } from '#shared/secrets/credentials.ts'
import type { Keyring } from '#shared/secrets/keyring.ts'
import { createLimiter } from '#workers/webhooks/limit.ts'
import { delivered, givenUp, readDelivery, recordFailedTry, type Delivery } from '#workers/webhooks/record.ts'
import { secretsAt, signedHeaders } from '#workers/webhooks/sign.ts'

/** What delivering needs from its process. */
export interface DeliveryNeeds {
  keyring: Keyring
  outbound: Outbound
  /** Waits after the n-th failed try, in milliseconds; `standardScheduleMs` by default. */
  scheduleMs?: readonly number[]
  timeoutMs?: number
}

export interface DeliverInput {
  delivery_id: string
  webhook_id: string
}

const minute = 60_000
const hour = 60 * minute

/** The schedule that the Standard Webhooks specification recommends: ten tries over three days. */
export const standardScheduleMs: readonly number[] = [
  5_000,
  5 * minute,
  30 * minute,
  2 * hour,
  5 * hour,
  10 * hour,
  14 * hour,
  20 * hour,
  24 * hour,
]

/** Of the 20 places that a pool has by default. */
const atOncePerWebhook = 4

const step = stepsOf<DeliverInput, object>()

/**
 * Sends a stored message to its endpoint, until it is answered with a 2xx or the schedule is through. At least once: when a worker dies between the
 * answer and its record, the message is sent again, and the endpoint knows it by its `webhook-id`.
 */
export const deliverStep = (needs: DeliveryNeeds): Step => {
  const { scheduleMs = standardScheduleMs } = needs
  const limited = createLimiter(atOncePerWebhook)
  return step('deliver', {
    effect: 'changes',
    retry: { attempts: scheduleMs.length + 1, scheduleMs },
    run: (context) => limited(context.input.webhook_id, () => deliver(context, needs)),
    // What was said cannot be unsaid: all that is left to do is to close the delivery.
    undo: {
      run(context) {
        context.alsoWrite(givenUp(context))
        return Promise.resolve()
      },
    },
  })
}

async function deliver(
  context: StepContext<DeliverInput>,
  { keyring, outbound, timeoutMs = 15_000 }: DeliveryNeeds,
): Promise<void> {
  const { db, tenantId, input, subject, signal } = context
  const delivery = await readDelivery(db, tenantId, subject)
  if (delivery?.state === 'delivered') return
  assertWanted(delivery)
  const secret = await openCredentials(db, keyring, tenantId, webhookCredential(input.webhook_id))
  const sentAt = new Date()
  const body = JSON.stringify(delivery.payload)
  const headers = {
    'content-type': 'application/json',
    'user-agent': `NovaCron/${manifest.version}`,
    ...signedHeaders({ id: delivery.messageId, sentAt, body }, secretsAt(secret, sentAt)),
  }
  context.assertHeld()
  try {
    const reply = await outbound.post({ url: delivery.url, headers, body, signal, timeoutMs })
    if (reply.status >= 200 && reply.status < 300) return context.alsoWrite(delivered(context, reply.status))
    throw refusal(reply, sentAt)
  } catch (error) {
    if (error instanceof OutboundError || error instanceof StepError) await recordFailure(context, error)
    throw error
  }
}

async function recordFailure(
  context: StepContext<DeliverInput>,
  error: OutboundError | StepError,
): Promise<void> {
  // Interrupted: how the endpoint took it is not known, and whoever goes on sends it again.
  if (error.kind === 'cancelled') return
  const status = error.details?.['status']
  await recordFailedTry(context, {
    status: typeof status === 'number' ? status : null,
    error: error.message,
    gone: error.code === 'endpoint_gone',
  })
}

function assertWanted(delivery: Delivery | undefined): asserts delivery is Delivery {
  if (delivery?.enabled) return
  throw delivery
    ? new StepError('The webhook is disabled, so the message is not sent.', {
        code: 'webhook_disabled',
        remedy: 'Enable it with PUT /api/multicloud/webhooks/{id}, then retry this job.',
      })
    : new StepError('The webhook has been removed, so the message is not sent.', { code: 'webhook_removed' })
}

/** What an answer other than 2xx means. A redirect is one of them: following it would send the message where nobody asked to have it sent. */
function refusal({ status, headers }: OutboundReply, at: Date): StepError {
  const details = { status }
  if (status === 410)
    return new StepError('The endpoint answered 410 Gone and is disabled.', {
      code: 'endpoint_gone',
      details,
      remedy: 'Correct its address and enable it with PUT /api/multicloud/webhooks/{id}.',
    })
  const waitMs = paced.has(status) ? retryAfterMs(headers['retry-after'], at) : undefined
  const redirect = status >= 300 && status < 400
  return new StepError(`The endpoint answered ${status}${redirect ? '; redirects are not followed' : ''}.`, {
    code: 'endpoint_refused',
    kind: 'retryable',
    details,
    ...(redirect ? { remedy: 'Register the address that it points to.' } : {}),
    ...(waitMs === undefined ? {} : { retryAfterMs: waitMs }),
  })
}

/** Answers that may carry a `Retry-After`. Waiting uses up a try all the same, so that no endpoint is tried for ever. */
const paced: ReadonlySet<number> = new Set([429, 502, 503, 504])

/** RFC 9110, 10.2.3: seconds or a date. More than a day is not waited. */
function retryAfterMs(header: string | string[] | undefined, at: Date): number | undefined {
  const text = Array.isArray(header) ? header[0] : header
  if (text === undefined) return undefined
  const waitMs = /^\d+$/.test(text.trim()) ? Number(text) * 1000 : Date.parse(text) - at.getTime()
  return Number.isNaN(waitMs) ? undefined : Math.min(24 * hour, Math.max(0, waitMs))
}
