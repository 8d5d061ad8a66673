import { generateKeyPairSync } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { CloudError } from '#shared/clouds/errors.ts'
import { openGcp } from '#shared/clouds/gcp/gcp.ts'
import type { CloudSettings } from '#shared/clouds/port.ts'
import { intentOf, newJob, residueOf } from '#test/shared/clouds/conformance/subject.ts'
import { openSubject, region, type GcpSubject } from '#test/shared/clouds/gcp/subject.ts'

let subject: GcpSubject
beforeAll(async () => {
  subject = await openSubject()
})
afterAll(async () => {
  subject.cloud.close()
  await subject.loopback.close()
})
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
  const cloud = await openGcp({ ...subject.settings, ...changes })
  try {
    return await failureOf(cloud.identity.validate())
  } finally {
    cloud.close()
  }
}

const vmRequest = (job: string) => ({
  ...intentOf(job),
  region,
  zone: 'us-central1-a',
  name: 'refused',
  instanceType: 'e2-small',
  boot: { image: undefined },
})

describe('an operation that was accepted and then failed', () => {
  test.for<[code: string, ours: string, scope: string | undefined]>([
    ['ZONE_RESOURCE_POOL_EXHAUSTED', 'capacity', 'zone'],
    ['ZONE_RESOURCE_POOL_EXHAUSTED_WITH_DETAILS', 'capacity', 'zone'],
    ['QUOTA_EXCEEDED', 'quota_exceeded', 'region'],
    ['RESOURCE_IN_USE_BY_ANOTHER_RESOURCE', 'conflict', undefined],
  ])('%s comes out as %s, and names the operation', async ([code, ours, scope]) => {
    const job = newJob()
    subject.loopback.inject({ operation: 'compute.instances.insert', mode: 'error', code, status: 503 })
    const error = await failureOf(subject.cloud.compute.create(vmRequest(job)))
    expect(error).toMatchObject({ code: ours, vendorCode: code, operation: 'compute.instances.insert' })
    expect(error.scope).toBe(scope)
    expect(error.requestId).toMatch(/^operation-/)
    expect(residueOf(subject.loopback, job)).toEqual([])
  })

  test('is asked for anew by the same intent, although Google remembers the request', async () => {
    const request = vmRequest(newJob())
    subject.loopback.inject({
      operation: 'compute.instances.insert',
      mode: 'error',
      code: 'ZONE_RESOURCE_POOL_EXHAUSTED',
      status: 503,
    })
    await failureOf(subject.cloud.compute.create(request))
    expect((await subject.cloud.compute.create(request)).state).toMatch(/pending|running/)
  })
})

describe('signing in', () => {
  test('a key that is not the account’s is auth_failed, and the key stands in no error', async () => {
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
    const key = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
    const error = await failureWith({ credentials: { ...subject.settings.credentials, private_key: key } })
    expect(error).toMatchObject({ code: 'auth_failed', kind: 'permanent', vendorCode: 'invalid_grant' })
    expect(error.remedy).toContain('private_key')
    expect(JSON.stringify([error, error.message, error.cause])).not.toContain(key.slice(40, 80))
  })

  test('a token that ran out early is fetched anew, unnoticed', async () => {
    subject.loopback.inject({
      operation: 'compute.projects.get',
      mode: 'error',
      code: 'authError',
      status: 401,
    })
    expect((await subject.cloud.identity.validate()).accountId).toMatch(/\S/)
  })

  test.for([
    ['credentials.private_key', { credentials: { private_key: 'hunter2-hunter2' } }],
    ['credentials.project_id', { credentials: { project_id: 'No Project' } }],
    ['credentials.token', { credentials: { token: 'x' } }],
    ['endpoints.ec2', { endpoints: { ec2: 'https://ec2.example.com' } }],
    ['options.poll_ms', { options: { poll_ms: 0 } }],
    ['options.billing_table', { options: { billing_table: 'no table' } }],
  ] as const)(
    'a registration with a wrong %s is refused by name, without its value',
    async ([field, wrong]) => {
      const { credentials, endpoints, options } = subject.settings
      const merged = {
        ...subject.settings,
        credentials: { ...credentials, ...('credentials' in wrong ? wrong.credentials : {}) },
        endpoints: { ...endpoints, ...('endpoints' in wrong ? wrong.endpoints : {}) },
        options: { ...options, ...('options' in wrong ? wrong.options : {}) },
      }
      const error = await failureOf(openGcp(merged))
      const [group = '', name = ''] = field.split('.')
      expect(error).toMatchObject({ code: 'invalid_request', operation: 'open' })
      expect(error.message).toContain(group)
      expect(error.message).toContain(name)
      expect(error.message).not.toContain('hunter2')
    },
  )
})
