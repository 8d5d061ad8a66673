import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  bookVm,
  openHarness,
  registerClouds,
  vmRequest,
  type Answer,
  type Client,
  type Harness,
} from './harness.ts'
import { conforms, type Document, type Schema } from './conforms.ts'

let api: Harness
let admin: Client
let document: Document

beforeAll(async () => {
  api = await openHarness()
  admin = await api.as('acme', 'platform')
  await registerClouds(admin)
  document = (await api.request('/openapi.json')).body as unknown as Document
})
afterAll(() => api.close())

test('the document is OpenAPI 3.1, and every reference in it leads somewhere', () => {
  expect(document.openapi).toBe('3.1.0')
  const text = JSON.stringify(document)
  for (const [, name] of text.matchAll(/"#\/components\/schemas\/(\w+)"/g))
    expect(document.components.schemas).toHaveProperty(name ?? '')
})

test('every operation has a name, a summary, a permission, answers and problems', () => {
  const ids = Object.values(document.paths)
    .flatMap((item) => Object.values(item))
    .map((operation) => {
      expect(operation.summary).toBeTruthy()
      expect(operation['x-permission']).toMatch(/^\w+:\w+$/)
      expect(Object.keys(operation.responses)).toEqual(expect.arrayContaining(['401', '403']))
      return operation.operationId
    })
  expect(new Set(ids).size).toBe(ids.length)
})

/** The schema that the document promises for an answer. */
function promised(path: string, method: string, answer: Answer): Schema | undefined {
  const type = answer.headers.get('content-type')?.split(';')[0] ?? ''
  return document.paths[path]?.[method]?.responses[String(answer.status)]?.content?.[type]?.schema
}

function check(path: string, method: string, answer: Answer): void {
  const schema = promised(path, method, answer)
  expect(schema, `${method} ${path} ${answer.status} is not documented`).toBeDefined()
  expect(conforms(document, schema ?? {}, answer.body), `${method} ${path} ${answer.status}`).toEqual([])
}

test('every answer has exactly the shape that the document promises', async () => {
  const p = '/api/multicloud'
  await bookVm(api.pool, { id: 'vm_shape', tenant: 'acme' })
  const vm = await admin.post('/vms', vmRequest)
  const migration = await admin.post('/migrations', {
    vm_id: 'vm_shape',
    destination_provider_id: 'azure-prod',
  })
  const webhook = await admin.post('/webhooks', { url: 'https://hooks.example.com/' })
  const idOf = (answer: Answer, name: string) => (answer.body[name] as unknown as { id: string }).id
  const [vmId, jobId, migrationId, webhookId] = [
    idOf(vm, 'vm'),
    idOf(vm, 'job'),
    idOf(migration, 'migration'),
    idOf(webhook, 'webhook'),
  ]
  check(`${p}/vms`, 'post', vm)
  check(`${p}/migrations`, 'post', migration)
  check(`${p}/webhooks`, 'post', webhook)
  check(`${p}/vms`, 'get', await admin.get('/vms'))
  check(`${p}/vms/{id}`, 'get', await admin.get(`/vms/${vmId}`))
  check(`${p}/vms/{id}/stop`, 'post', await admin.post(`/vms/${vmId}/stop`))
  check(`${p}/providers`, 'get', await admin.get('/providers'))
  check(
    `${p}/providers`,
    'post',
    await admin.post('/providers', { provider_id: 'x', type: 'kvm', config: {} }),
  )
  check(`${p}/providers/{id}`, 'get', await admin.get('/providers/aws-prod'))
  check(
    `${p}/providers/{id}`,
    'put',
    await admin.put('/providers/aws-prod', { config: { regions: ['us-east-1'] } }, { 'if-match': '*' }),
  )
  check(`${p}/providers/{id}`, 'delete', await admin.delete('/providers/aws-prod'))
  check(`${p}/providers/{id}/health`, 'get', await admin.get('/providers/aws-prod/health'))
  check(`${p}/providers/{id}/health`, 'get', await admin.get('/providers/aws-prod/health?refresh=true'))
  check(`${p}/migrations`, 'get', await admin.get('/migrations'))
  check(`${p}/migrations/{id}`, 'get', await admin.get(`/migrations/${migrationId}`))
  check(`${p}/migrations/{id}/status`, 'get', await admin.get(`/migrations/${migrationId}/status`))
  check(`${p}/jobs`, 'get', await admin.get('/jobs'))
  check(`${p}/jobs/{id}`, 'get', await admin.get(`/jobs/${jobId}`))
  check(`${p}/jobs/{id}/retry`, 'post', await admin.post(`/jobs/${jobId}/retry`))
  check(`${p}/jobs/{id}/cancel`, 'post', await admin.post(`/jobs/${jobId}/cancel`))
  check(`${p}/webhooks`, 'get', await admin.get('/webhooks'))
  check(`${p}/webhooks/{id}`, 'get', await admin.get(`/webhooks/${webhookId}`))
  check(`${p}/webhooks/{id}/test`, 'post', await admin.post(`/webhooks/${webhookId}/test`))
  check(`${p}/webhooks/{id}/deliveries`, 'get', await admin.get(`/webhooks/${webhookId}/deliveries`))
  check(`${p}/webhooks/{id}/rotate-secret`, 'post', await admin.post(`/webhooks/${webhookId}/rotate-secret`))
  check(
    `${p}/webhooks/{id}`,
    'put',
    await admin.put(`/webhooks/${webhookId}`, { url: 'https://hooks.example.com/2' }, { 'if-match': '*' }),
  )
})

test('what is asked for as HEAD has no body, and a wrong method names the right ones', async () => {
  const head = await api.request('/api/multicloud/vms', {
    method: 'HEAD',
    headers: { authorization: `Bearer ${admin.token}` },
  })
  expect(head).toMatchObject({ status: 200, text: '' })
  const patch = await api.request('/api/multicloud/vms/x', { method: 'PATCH' })
  expect(patch.status).toBe(405)
  expect(patch.headers.get('allow')).toBe('GET, PUT, DELETE, HEAD')
})

test('readiness and liveness answer, and readiness ends when the process begins to stop', async () => {
  expect((await api.request('/healthz')).body).toEqual({ status: 'ok' })
  expect((await api.request('/readyz')).body).toMatchObject({ status: 'ready', database: 'ok' })
  const other = await openHarness()
  await other.close()
  const stopping = await other.request('/readyz')
  expect(stopping.status).toBe(503)
  expect(stopping.body).toMatchObject({ status: 'stopping', database: 'unreachable' })
})
