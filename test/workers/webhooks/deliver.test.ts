import { randomBytes } from 'node:crypto'
import { Webhook } from 'standardwebhooks'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { newId } from '#shared/ids.ts'
import { inTransaction } from '#db/transaction.ts'
import { stepsOf } from '#shared/jobs/chain.ts'
import { createOutbound, type Outbound } from '#shared/outbound.ts'
import { storeCredentials, webhookCredential, type Credentials } from '#shared/secrets/credentials.ts'
import { localKeyring } from '#shared/secrets/keyring.ts'
import { createHarness, testChain, type Harness } from '#test/shared/jobs/harness.ts'
import { startReceiver, type Receiver } from '#test/workers/webhooks/receiver.ts'
import { webhookChains } from '#workers/webhooks/chains.ts'
import { standardScheduleMs } from '#workers/webhooks/deliver.ts'

const keyring = localKeyring([randomBytes(32)])
const newSecret = () => `whsec_${randomBytes(32).toString('base64')}`
const finishing = {
  ...testChain('hook.test', [stepsOf()('only', { effect: 'none', run: () => Promise.resolve() })]),
  output: (_: unknown, subject: string) => ({ made: subject }),
}

let harness: Harness
let outbound: Outbound
let receiver: Receiver
beforeAll(async () => {
  outbound = createOutbound({ allowPrivate: true })
  const chains = webhookChains({ keyring, outbound, scheduleMs: [10, 20, 30], timeoutMs: 1_000 })
  harness = await createHarness([...chains, finishing], 'postgres', { pools: ['webhooks', 'provisioning'] })
  await harness.db.query(`insert into tenants (id, name) values ('acme', 'acme')`)
  await harness.start()
})
afterAll(async () => {
  await harness.close()
  await outbound.close()
})
beforeEach(async () => {
  receiver = await startReceiver()
})
afterEach(async () => {
  await harness.db.query('delete from webhooks')
  await receiver.close()
})

async function addWebhook({
  url = receiver.url,
  enabled = true,
  credentials = {},
}: { url?: string; enabled?: boolean; credentials?: Credentials } = {}) {
  const id = newId('whk')
  const secret = newSecret()
  await harness.db.query(
    'insert into webhooks (id, tenant_id, url, events, enabled) values ($1, $2, $3, $4, $5)',
    [id, 'acme', url, '["*"]', enabled],
  )
  await inTransaction(harness.db, async (client) => {
    await storeCredentials(client, keyring, 'acme', webhookCredential(id), { secret, ...credentials })
    return true
  })
  return { id, secret }
}

async function submitDelivery(webhookId: string) {
  const deliveryId = newId('whd')
  const messageId = newId('msg')
  const payload = {
    type: 'job.succeeded',
    timestamp: '2026-01-01T00:00:00.000Z',
    data: { name: 'Zoë', n: 1 },
  }
  const row = {
    id: deliveryId,
    tenant_id: 'acme',
    webhook_id: webhookId,
    message_id: messageId,
    type: 'job.succeeded',
    payload,
    state: 'pending',
  }
  const jobId = await harness.submit(
    'webhook.deliver',
    { subject: deliveryId, internal: true, input: { delivery_id: deliveryId, webhook_id: webhookId } },
    { deliveries: [row] },
  )
  return { deliveryId, messageId, payload, jobId }
}

async function deliver(webhookId: string) {
  const sent = await submitDelivery(webhookId)
  const job = await harness.finished(sent.jobId)
  return { ...sent, job, delivery: await readDelivery(sent.deliveryId) }
}

async function readDelivery(id: string) {
  const { rows } = await harness.db.query<Record<string, unknown>>(
    'select * from webhook_deliveries where id = $1',
    [id],
  )
  return rows[0]
}

async function readWebhook(id: string) {
  const { rows } = await harness.db.query<Record<string, unknown>>('select * from webhooks where id = $1', [
    id,
  ])
  return rows[0]
}

function verify(secret: string, message: Receiver['received'][number] | undefined): unknown {
  if (!message) throw new Error('nothing was received')
  return new Webhook(secret).verify(message.body, message.headers as Record<string, string>)
}

test('a message arrives signed as the specification says, and its delivery is on record', async () => {
  const { id, secret } = await addWebhook()
  const { job, delivery, payload, messageId } = await deliver(id)
  expect(job.state).toBe('succeeded')
  const [message] = receiver.received
  expect(receiver.received).toHaveLength(1)
  expect(message?.headers).toMatchObject({ 'webhook-id': messageId, 'content-type': 'application/json' })
  expect(verify(secret, message)).toEqual(payload)
  expect(() => verify(newSecret(), message)).toThrow('No matching signature')
  expect(delivery).toMatchObject({
    state: 'delivered',
    attempts: 1,
    response_status: 204,
    error: null,
    delivered_at: expect.any(Date) as unknown,
  })
})

test('while a secret is being rotated both secrets sign, and after it only the new one', async () => {
  const [previous, expired] = [newSecret(), newSecret()]
  const soon = new Date(Date.now() + 60_000).toISOString()
  const rotating = await addWebhook({ credentials: { previous_secret: previous, previous_until: soon } })
  await deliver(rotating.id)
  expect(verify(rotating.secret, receiver.received[0])).toBeDefined()
  expect(verify(previous, receiver.received[0])).toBeDefined()

  const past = new Date(Date.now() - 1_000).toISOString()
  const rotated = await addWebhook({ credentials: { previous_secret: expired, previous_until: past } })
  await deliver(rotated.id)
  expect(verify(rotated.secret, receiver.received[1])).toBeDefined()
  expect(() => verify(expired, receiver.received[1])).toThrow('No matching signature')
})

test('a failing endpoint is tried again with the same id, each try signed anew, until it answers 2xx', async () => {
  const { id, secret } = await addWebhook()
  receiver.answers.push({ status: 500, body: 'x'.repeat(200_000) }, 'cut', { status: 404 })
  const { delivery, messageId } = await deliver(id)
  expect(receiver.received.map(({ headers }) => headers['webhook-id'])).toEqual([
    messageId,
    messageId,
    messageId,
    messageId,
  ])
  for (const message of receiver.received) expect(verify(secret, message)).toBeDefined()
  expect(delivery).toMatchObject({ state: 'delivered', attempts: 4, response_status: 204, error: null })
})

test('an endpoint that goes on failing is given up when the schedule is through, with the last answer on record', async () => {
  const { id } = await addWebhook()
  receiver.answers.push(...Array.from({ length: 9 }, () => ({ status: 500 })))
  const { job, delivery } = await deliver(id)
  expect(receiver.received).toHaveLength(4)
  expect(job).toMatchObject({ state: 'failed', problem: { code: 'endpoint_refused' }, residue: [] })
  expect(delivery).toMatchObject({
    state: 'failed',
    attempts: 4,
    response_status: 500,
    error: 'The endpoint answered 500.',
  })
  expect(await readWebhook(id)).toMatchObject({ enabled: true })
})

test('a redirect is a failure and is not followed', async () => {
  const { id } = await addWebhook()
  const elsewhere = await startReceiver()
  receiver.answers.push(
    ...Array.from({ length: 4 }, () => ({ status: 307, headers: { location: elsewhere.url } })),
  )
  const { delivery } = await deliver(id)
  expect(elsewhere.received).toEqual([])
  expect(delivery).toMatchObject({ state: 'failed', attempts: 4, response_status: 307 })
  await elsewhere.close()
})

test('410 Gone disables the endpoint at once, and what is still due to it is given up without a call', async () => {
  const { id } = await addWebhook()
  receiver.answers.push({ status: 410 })
  const { job, delivery } = await deliver(id)
  expect(job).toMatchObject({ state: 'failed', problem: { code: 'endpoint_gone' } })
  expect(delivery).toMatchObject({ state: 'failed', attempts: 1, response_status: 410 })
  expect(await readWebhook(id)).toMatchObject({
    enabled: false,
    disabled_reason: 'The endpoint answered 410 Gone and is disabled.',
    version: 2,
  })

  const after = await deliver(id)
  expect(receiver.received).toHaveLength(1)
  expect(after.job).toMatchObject({ state: 'failed', problem: { code: 'webhook_disabled' } })
  expect(after.delivery).toMatchObject({ state: 'failed', attempts: 0 })
})

test.each([429, 502, 503, 504])('the Retry-After of a %i is waited for, not the schedule', async (status) => {
  const { id } = await addWebhook()
  receiver.answers.push({ status, headers: { 'retry-after': '1' } })
  const { delivery, jobId } = await deliver(id)
  expect(delivery).toMatchObject({ state: 'delivered', attempts: 2 })
  const retrying = (await harness.events(jobId)).find(({ type }) => type === 'step.retrying')
  expect(retrying?.data).toMatchObject({ delay_ms: 1_000 })
})

test('a Retry-After that is a date is waited for, up to a day', async () => {
  const { id } = await addWebhook()
  receiver.answers.push({
    status: 503,
    headers: { 'retry-after': new Date(Date.now() + 90 * 86_400_000).toUTCString() },
  })
  const { jobId } = await submitDelivery(id)
  await expect
    .poll(async () => (await harness.events(jobId)).find(({ type }) => type === 'step.retrying')?.data, {
      timeout: 10_000,
    })
    .toMatchObject({ delay_ms: 86_400_000 })
})

test('an endpoint that does not answer in time counts as failed', async () => {
  const { id } = await addWebhook()
  receiver.answers.push('hang')
  const { delivery, deliveryId } = await deliver(id)
  expect(delivery).toMatchObject({ id: deliveryId, state: 'delivered', attempts: 2 })
})

test('a webhook that hangs holds up no other of the tenant, which are told how the job ended and what came of it', async () => {
  const [slow, quick] = [await addWebhook(), await startReceiver()]
  receiver.answers.push(...Array.from({ length: 100 }, () => 'hang' as const))
  // More than the ten places that the worker has.
  for (let nr = 0; nr < 12; nr += 1) await submitDelivery(slow.id)
  await expect.poll(() => receiver.received.length, { timeout: 10_000 }).toBeGreaterThan(0)
  await addWebhook({ url: quick.url })
  const jobId = await harness.submit('hook.test', { subject: 'thing_1' })
  await expect.poll(() => quick.received.length, { timeout: 10_000 }).toBe(1)
  expect(JSON.parse(quick.received[0]?.body ?? '')).toMatchObject({
    type: 'job.succeeded',
    data: { job_id: jobId, kind: 'hook.test', state: 'succeeded', output: { made: 'thing_1' } },
  })
  await expect.poll(() => receiver.received.length, { timeout: 15_000 }).toBeGreaterThan(12)
  expect(receiver.mostAtOnce()).toBe(4)
  await quick.close()
})

test('a delivery whose webhook is removed is given up without a call', async () => {
  const { id } = await addWebhook()
  receiver.answers.push({ status: 500, headers: {} }, { status: 500 })
  const { jobId } = await submitDelivery(id)
  await harness.db.query('delete from webhooks where id = $1', [id])
  expect((await harness.finished(jobId)).state).toBe('failed')
})

test('the default schedule is that of the specification: ten tries over three days', () => {
  expect(standardScheduleMs).toHaveLength(9)
  expect(standardScheduleMs.map((ms) => ms / 1000)).toEqual([
    5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400,
  ])
})
