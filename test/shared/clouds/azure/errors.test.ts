import { createServer } from 'node:net'
import { describe, expect, test } from 'vitest'
import { openAzure } from '#shared/clouds/azure/azure.ts'
import { toCloudError } from '#shared/clouds/azure/errors.ts'
import { CloudError } from '#shared/clouds/errors.ts'
import type { CloudSettings } from '#shared/clouds/port.ts'
import { newJob, intentOf } from '#test/shared/clouds/conformance/subject.ts'
import { openSubject, region, settingsFor } from '#test/shared/clouds/azure/subject.ts'
import { useSubject } from '#test/shared/clouds/use-subject.ts'

const subject = useSubject(openSubject)

/** What `validate` fails with under other settings. */
async function failureOf(changes: Partial<CloudSettings>): Promise<unknown> {
  const cloud = await openAzure(settingsFor(subject.loopback, changes))
  try {
    return await cloud.identity.validate().catch((error: unknown) => error)
  } finally {
    cloud.close()
  }
}

describe("Azure's refusals mean the same to every caller", () => {
  const table: [code: string, status: number, meaning: object][] = [
    ['SkuNotAvailable', 409, { code: 'capacity', kind: 'capacity', scope: 'type' }],
    ['AllocationFailed', 409, { code: 'capacity', kind: 'capacity', scope: 'type' }],
    ['ZonalAllocationFailed', 409, { code: 'capacity', kind: 'capacity', scope: 'zone' }],
    ['OperationNotAllowed', 409, { code: 'quota_exceeded', kind: 'capacity', scope: 'type' }],
    ['QuotaExceeded', 400, { code: 'quota_exceeded', kind: 'capacity', scope: 'region' }],
    ['TooManyRequests', 429, { code: 'throttled', kind: 'throttled', retryAfterMs: 7000 }],
    ['SubscriptionRequestsThrottled', 429, { code: 'throttled', kind: 'throttled', retryAfterMs: 7000 }],
    ['Conflict', 409, { code: 'conflict', kind: 'retryable' }],
    ['AttachDiskWhileBeingDetached', 409, { code: 'conflict', kind: 'retryable' }],
    ['PropertyChangeNotAllowed', 409, { code: 'conflict', kind: 'permanent' }],
    ['ScopeLocked', 409, { code: 'conflict', kind: 'permanent' }],
    ['MissingSubscriptionRegistration', 409, { code: 'forbidden', kind: 'permanent' }],
    ['AuthorizationFailed', 403, { code: 'forbidden', kind: 'permanent' }],
    ['SubscriptionNotFound', 404, { code: 'forbidden', kind: 'permanent' }],
    ['ResourceNotFound', 404, { code: 'not_found', kind: 'permanent' }],
    ['InvalidParameter', 400, { code: 'invalid_request', kind: 'permanent' }],
    ['InternalServerError', 500, { code: 'unavailable', kind: 'retryable' }],
    ['ServiceUnavailable', 503, { code: 'unavailable', kind: 'retryable' }],
  ]

  test.for(table)('%s (%i)', async ([code, status, meaning]) => {
    const operation = 'VirtualMachines_Start'
    subject.loopback.inject({
      operation,
      mode: 'error',
      code,
      status,
      times: 9,
      retryAfterSeconds: status === 429 ? 7 : 0,
    })
    // Of its own, since one that was told to wait makes no call until then.
    const cloud = await openAzure(settingsFor(subject.loopback))
    const error = await cloud.compute.start({ region, id: 'vm-1' }).catch((reason: unknown) => reason)
    cloud.close()
    subject.loopback.clearFaults()
    expect(error).toBeInstanceOf(CloudError)
    expect(error).toMatchObject({ cloud: 'azure', vendorCode: code, ...meaning })
    expect((error as CloudError).requestId).toMatch(/^[\da-f-]{36}$/)
  })

  test('an operation that fails after it was accepted keeps its code', () => {
    const late = new Error(
      'The long-running operation has failed. AllocationFailed. Allocation failed. Try another size.',
    )
    expect(toCloudError('VirtualMachines_CreateOrUpdate', late)).toMatchObject({
      vendorCode: 'AllocationFailed',
      code: 'capacity',
    })
  })

  test('a size that cannot hibernate is wrong for a VM that can, however often one asks', () => {
    const refused = Object.assign(new Error("The VM size 'Standard_B2s' does not support hibernation."), {
      name: 'RestError',
      code: 'OperationNotAllowed',
      statusCode: 409,
    })
    expect(toCloudError('VirtualMachines_Update', refused)).toMatchObject({
      code: 'invalid_request',
      kind: 'permanent',
      remedy: expect.stringContaining('hibernate') as unknown,
    })
  })

  test('a refusal that has no remedy of its own gets that of its kind', () => {
    const refused = Object.assign(new Error('not found'), {
      name: 'RestError',
      code: 'NotFound',
      statusCode: 404,
    })
    expect(toCloudError('Disks_Get', refused)).toMatchObject({
      remedy: expect.stringContaining('region') as unknown,
    })
  })

  test('a stranger error passes as it is', () => {
    const own = new Error('this worker lost its step')
    expect(toCloudError('x', own)).toBe(own)
  })
})

describe('signing in', () => {
  test('with a wrong secret is auth_failed, with the code and what to check', async () => {
    const credentials = { ...subject.settings.credentials, client_secret: 'guess' }
    expect(await failureOf({ credentials })).toMatchObject({
      code: 'auth_failed',
      kind: 'permanent',
      vendorCode: 'AADSTS7000215',
      remedy: expect.stringContaining('client_secret') as unknown,
    })
  })

  test('to a subscription one may not see is forbidden', async () => {
    const credentials = {
      ...subject.settings.credentials,
      subscription_id: '00000000-0000-0000-0000-000000000000',
    }
    expect(await failureOf({ credentials })).toMatchObject({
      code: 'forbidden',
      remedy: expect.stringContaining('subscription_id') as unknown,
    })
  })
})

describe('the connection', () => {
  test('to a server whose authority is not trusted is a TLS error that names the option', async () => {
    const { ca_pem: _, ...options } = subject.settings.options
    expect(await failureOf({ options })).toMatchObject({
      code: 'tls',
      kind: 'permanent',
      remedy: expect.stringContaining('options.ca_pem') as unknown,
    })
  })

  test('to nobody is a network error, worth trying again', async () => {
    const server = createServer().listen(0, '127.0.0.1')
    await new Promise((resolve) => server.once('listening', resolve))
    const { port } = server.address() as { port: number }
    await new Promise((resolve) => server.close(resolve))
    const endpoints = { management: `https://127.0.0.1:${port}`, authority: `https://127.0.0.1:${port}` }
    expect(await failureOf({ endpoints })).toMatchObject({ code: 'network', kind: 'retryable' })
  })

  test('that falls silent is cut after the deadline, at sign-in and afterwards', async () => {
    const options = { ...subject.settings.options, request_timeout_ms: 150 }
    for (const operation of ['OAuth2_Token', 'Subscriptions_Get']) {
      subject.loopback.inject({ operation, mode: 'hang', times: 9 })
      expect(await failureOf({ options })).toMatchObject({ code: 'timeout', kind: 'retryable' })
      subject.loopback.clearFaults()
    }
  })

  test('that breaks once is mended unseen', async () => {
    subject.loopback.inject({ operation: 'Subscriptions_Get', mode: 'drop_reply' })
    expect(await subject.cloud.identity.validate()).toMatchObject({
      accountId: subject.settings.credentials['subscription_id'],
    })
  })
})

test('an error holds no token, secret or access signature, however deep', async () => {
  const disk = await subject.cloud.disks.createDisk({
    ...intentOf(newJob()),
    region,
    name: 'secret',
    sizeBytes: 20 * 2 ** 20,
    firmware: 'bios',
    architecture: 'x86_64',
  })
  const sink = await subject.cloud.disks.openDiskForWrite(disk)
  subject.loopback.inject({
    operation: 'PageBlob_UploadPages',
    mode: 'error',
    code: 'InternalError',
    status: 500,
    times: 9,
  })
  const { createHash } = await import('node:crypto')
  const data = Buffer.alloc(512, 1)
  const sha256 = createHash('sha256').update(data).digest()
  const error = await sink.write({ offset: 0, data, sha256 }).catch((reason: unknown) => reason)
  subject.loopback.clearFaults()
  const { inspect } = await import('node:util')
  const all = inspect(error, { depth: 12, showHidden: true })
  expect(all).toContain('InternalError')
  expect(all).not.toMatch(/sig=|Bearer|eyJ/)
  await subject.cloud.disks.deleteDisk(disk)
})
