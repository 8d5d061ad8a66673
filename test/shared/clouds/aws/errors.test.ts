import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { beforeEach, describe, expect, test } from 'vitest'
import { openAws } from '#shared/clouds/aws/aws.ts'
import type { CloudError } from '#shared/clouds/errors.ts'
import type { CloudSettings } from '#shared/clouds/port.ts'
import { openSubject, settingsFor } from '#test/shared/clouds/aws/subject.ts'
import { subjectOfTest, useSubject } from '#test/shared/clouds/use-subject.ts'

const subject = useSubject(openSubject)
beforeEach(() => subject.loopback.clearFaults())

const failureOf = (work: Promise<unknown>): Promise<CloudError> =>
  work.then(
    () => {
      throw new Error('expected an error')
    },
    (error: CloudError) => error,
  )

/** What validating with these settings fails with. */
async function failureWith(changes: Partial<CloudSettings>): Promise<CloudError> {
  const cloud = await openAws({ ...subject.settings, ...changes })
  try {
    return await failureOf(cloud.identity.validate())
  } finally {
    cloud.close()
  }
}

describe('the vendor’s refusals become ours', () => {
  test.for<[vendorCode: string, status: number, code: string, kind: string]>([
    ['RequestLimitExceeded', 503, 'throttled', 'throttled'],
    ['Throttling', 400, 'throttled', 'throttled'],
    ['InsufficientInstanceCapacity', 500, 'capacity', 'capacity'],
    ['Unsupported', 400, 'capacity', 'capacity'],
    ['VcpuLimitExceeded', 400, 'quota_exceeded', 'capacity'],
    ['InstanceLimitExceeded', 400, 'quota_exceeded', 'capacity'],
    ['AuthFailure', 401, 'auth_failed', 'permanent'],
    ['InvalidAccessKeyId', 403, 'auth_failed', 'permanent'],
    ['SlowDown', 503, 'throttled', 'throttled'],
    ['TooManyRequestsException', 429, 'throttled', 'throttled'],
    ['TooManyBuckets', 400, 'quota_exceeded', 'capacity'],
    ['NoSuchBucket', 404, 'not_found', 'permanent'],
    ['ServerSideEncryptionConfigurationNotFoundError', 404, 'not_found', 'permanent'],
    ['BucketAlreadyExists', 409, 'conflict', 'permanent'],
    ['BucketNotEmpty', 409, 'conflict', 'permanent'],
    ['OperationAborted', 409, 'conflict', 'retryable'],
    ['BadDigest', 400, 'integrity', 'retryable'],
    ['DataUnavailableException', 400, 'unavailable', 'permanent'],
    ['InternalServiceFault', 500, 'unavailable', 'retryable'],
    ['ExpiredToken', 400, 'auth_failed', 'permanent'],
    ['UnauthorizedOperation', 403, 'forbidden', 'permanent'],
    ['InvalidInstanceID.NotFound', 400, 'not_found', 'permanent'],
    ['InvalidAMIID.Unavailable', 400, 'not_found', 'permanent'],
    ['IncorrectInstanceState', 400, 'conflict', 'retryable'],
    ['VolumeInUse', 400, 'conflict', 'retryable'],
    ['DependencyViolation', 400, 'conflict', 'retryable'],
    ['IdempotentParameterMismatch', 400, 'conflict', 'permanent'],
    ['InvalidInstanceID.Malformed', 400, 'invalid_request', 'permanent'],
    ['InvalidParameterValue', 400, 'invalid_request', 'permanent'],
    ['TagLimitExceeded', 400, 'invalid_request', 'permanent'],
    ['UnknownParameter', 400, 'invalid_request', 'permanent'],
    ['InternalError', 500, 'unavailable', 'retryable'],
    ['NobodyKnowsThisOne', 503, 'unavailable', 'retryable'],
    ['NobodyKnowsThisOne', 400, 'cloud_error', 'permanent'],
  ])('%s (%i) is %s, %s', async ([vendorCode, status, code, kind]) => {
    subject.loopback.inject({
      operation: 'StartInstances',
      mode: 'error',
      code: vendorCode,
      status,
      times: 9,
    })
    // An adapter of its own: throttling slows down what comes after it.
    const cloud = await openAws(subject.settings)
    const error = await failureOf(cloud.compute.start({ region: subject.region, id: 'i-00000000' }))
    cloud.close()
    expect(error).toMatchObject({
      name: 'CloudError',
      code,
      kind,
      vendorCode,
      cloud: 'aws',
      operation: 'StartInstances',
    })
    expect(error.requestId).toMatch(/^[0-9a-f-]{36}$/)
    expect(error.message).toContain(vendorCode)
    expect(error.remedy).toMatch(/\w/)
  })

  test('the time that the service names is the time to wait', async () => {
    subject.loopback.inject({
      operation: '*',
      mode: 'error',
      code: 'RequestLimitExceeded',
      status: 503,
      retryAfterSeconds: 1,
      times: 9,
    })
    expect(await failureWith({})).toMatchObject({
      kind: 'throttled',
      retryAfterMs: 1000,
    })
  })

  test('starting a VM that is gone is not tried again', async () => {
    subject.loopback.inject({
      operation: '*',
      mode: 'error',
      code: 'InvalidInstanceID.NotFound',
      status: 400,
    })
    const error = await failureOf(subject.cloud.compute.start({ region: subject.region, id: 'i-00000000' }))
    expect(error.retryable).toBe(false)
  })
})

describe('the way to the service', () => {
  test('wrong credentials are auth_failed, and no error shows the secret', async () => {
    const secret = 'wrong-secret-that-must-not-show'
    const error = await failureWith({
      credentials: { ...subject.loopback.credentials, secret_access_key: secret },
    })
    expect(error).toMatchObject({ code: 'auth_failed', vendorCode: 'SignatureDoesNotMatch' })
    expect(JSON.stringify([error.message, error.details, error.remedy, error.stack])).not.toContain(secret)
  })

  test('a closed port is a network error, worth another try', async () => {
    const server = createServer().listen(0, '127.0.0.1')
    await new Promise((resolve) => server.once('listening', resolve))
    const { port } = server.address() as AddressInfo
    await new Promise((resolve) => server.close(resolve))
    const endpoints = { ...subject.settings.endpoints, sts: `http://127.0.0.1:${port}` }
    expect(await failureWith({ endpoints })).toMatchObject({ code: 'network', kind: 'retryable' })
  })

  test('a service that never answers is a timeout, worth another try', async () => {
    subject.loopback.inject({ operation: '*', mode: 'hang', times: 9 })
    const options = { ...subject.settings.options, request_timeout_ms: 100 }
    expect(await failureWith({ options })).toMatchObject({ code: 'timeout', kind: 'retryable' })
  })

  test('a certificate of an unknown authority is a tls error that names the option; with the option it is trusted', async () => {
    const tls = await subjectOfTest(openSubject({ tls: true }))
    expect((await tls.cloud.identity.validate()).accountId).toBe('123456789012')
    const { ca_pem: _, ...options } = tls.settings.options
    const stranger = await openAws(settingsFor(tls.loopback, { options }))
    const error = await failureOf(stranger.identity.validate())
    expect(error).toMatchObject({ code: 'tls', kind: 'permanent' })
    expect(error.remedy).toContain('ca_pem')
    stranger.close()
  })
})

describe('registrations', () => {
  test.for<[field: string, changes: Partial<CloudSettings>]>([
    ['credentials.access_key_id', { credentials: { secret_access_key: 'hush-hush' } }],
    [
      'credentials',
      { credentials: { access_key_id: 'AKIALOOPBACK00000001', secret_access_key: 'hush-hush', pin: '1' } },
    ],
    ['endpoints.ec2', { endpoints: { ec2: 'not a url' } }],
    ['endpoints', { endpoints: { sqs: 'https://sqs.example.com' } }],
    ['options.throttle_wait_ms', { options: { throttle_wait_ms: -1 } }],
    ['options.focus_export.prefix', { options: { focus_export: { bucket: 'our-bill' } } }],
    ['options.ca_pem', { options: { ca_pem: '/etc/ssl/ca.pem' } }],
    ['options.subnet_id', { options: { subnet_id: 'vpc-1' } }],
    ['options.request_timeout_ms', { options: { request_timeout_ms: '5s' } }],
  ])('a wrong %s is named, its value is not', async ([field, changes]) => {
    const error = await failureOf(openAws({ ...subject.settings, ...changes }))
    expect(error).toMatchObject({ code: 'invalid_request', kind: 'permanent' })
    expect(error.message).toContain(field)
    expect(error.message).not.toContain('hush-hush')
  })
})
