import { afterAll, beforeAll, expect, test } from 'vitest'
import { endpoints } from '#api/app.ts'
import { permissions, roles, type Role } from '#api/auth/permissions.ts'
import { openHarness, type Harness } from '../harness.ts'

let api: Harness
beforeAll(async () => {
  api = await openHarness()
})
afterAll(() => api.close())

const pathOf = (pattern: string) => pattern.replaceAll(/\{\w+\}/g, 'nothing')

test('every route declares a permission that exists, and OpenAPI shows it', async () => {
  const { body } = await api.request('/openapi.json')
  const listed = endpoints.map(({ method, path, permission }) => {
    expect(permissions).toHaveProperty([permission])
    expect(body['paths']?.[path]?.[method]?.['x-permission']).toBe(permission)
    return `${permission.padEnd(20)}${method.toUpperCase().padEnd(7)}${path}`
  })
  expect(listed.toSorted()).toMatchInlineSnapshot(`
    [
      "jobs:control        POST   /api/multicloud/jobs/{id}/cancel",
      "jobs:control        POST   /api/multicloud/jobs/{id}/retry",
      "jobs:read           GET    /api/multicloud/jobs",
      "jobs:read           GET    /api/multicloud/jobs/{id}",
      "jobs:read           GET    /api/multicloud/jobs/{id}/events",
      "migrations:create   POST   /api/multicloud/migrations",
      "migrations:read     GET    /api/multicloud/migrations",
      "migrations:read     GET    /api/multicloud/migrations/{id}",
      "migrations:read     GET    /api/multicloud/migrations/{id}/status",
      "networks:manage     DELETE /api/multicloud/addresses/{id}",
      "networks:manage     DELETE /api/multicloud/networks/{id}",
      "networks:manage     DELETE /api/multicloud/security-groups/{id}",
      "networks:manage     DELETE /api/multicloud/subnets/{id}",
      "networks:manage     POST   /api/multicloud/addresses",
      "networks:manage     POST   /api/multicloud/addresses/{id}/associate",
      "networks:manage     POST   /api/multicloud/addresses/{id}/disassociate",
      "networks:manage     POST   /api/multicloud/networks",
      "networks:manage     POST   /api/multicloud/networks/{id}/subnets",
      "networks:manage     POST   /api/multicloud/security-groups",
      "networks:manage     PUT    /api/multicloud/security-groups/{id}/rules",
      "networks:read       GET    /api/multicloud/addresses",
      "networks:read       GET    /api/multicloud/addresses/{id}",
      "networks:read       GET    /api/multicloud/networks",
      "networks:read       GET    /api/multicloud/networks/{id}",
      "networks:read       GET    /api/multicloud/networks/{id}/subnets",
      "networks:read       GET    /api/multicloud/security-groups",
      "networks:read       GET    /api/multicloud/security-groups/{id}",
      "networks:read       GET    /api/multicloud/subnets/{id}",
      "providers:manage    DELETE /api/multicloud/providers/{id}",
      "providers:manage    POST   /api/multicloud/providers",
      "providers:manage    POST   /api/multicloud/providers/{id}/hosts/{host}/drain",
      "providers:manage    POST   /api/multicloud/providers/{id}/hosts/{host}/open",
      "providers:manage    PUT    /api/multicloud/providers/{id}",
      "providers:read      GET    /api/multicloud/prices",
      "providers:read      GET    /api/multicloud/providers",
      "providers:read      GET    /api/multicloud/providers/{id}",
      "providers:read      GET    /api/multicloud/providers/{id}/capabilities",
      "providers:read      GET    /api/multicloud/providers/{id}/health",
      "providers:read      GET    /api/multicloud/providers/{id}/hosts",
      "providers:read      GET    /api/multicloud/providers/{id}/metrics",
      "providers:read      GET    /api/multicloud/providers/{id}/regions",
      "providers:read      GET    /api/multicloud/quotas",
      "providers:sync      POST   /api/multicloud/providers/{id}/sync",
      "storage:manage      DELETE /api/multicloud/buckets/{id}",
      "storage:manage      DELETE /api/multicloud/images/{id}",
      "storage:manage      DELETE /api/multicloud/snapshots/{id}",
      "storage:manage      DELETE /api/multicloud/volumes/{id}",
      "storage:manage      POST   /api/multicloud/buckets",
      "storage:manage      POST   /api/multicloud/images",
      "storage:manage      POST   /api/multicloud/images/import",
      "storage:manage      POST   /api/multicloud/images/{id}/export",
      "storage:manage      POST   /api/multicloud/snapshots/{id}/restore",
      "storage:manage      POST   /api/multicloud/vms/{id}/snapshot",
      "storage:manage      POST   /api/multicloud/volumes",
      "storage:manage      POST   /api/multicloud/volumes/{id}/attach",
      "storage:manage      POST   /api/multicloud/volumes/{id}/detach",
      "storage:manage      POST   /api/multicloud/volumes/{id}/snapshot",
      "storage:manage      PUT    /api/multicloud/buckets/{id}/lifecycle",
      "storage:manage      PUT    /api/multicloud/volumes/{id}",
      "storage:read        GET    /api/multicloud/buckets",
      "storage:read        GET    /api/multicloud/buckets/{id}",
      "storage:read        GET    /api/multicloud/images",
      "storage:read        GET    /api/multicloud/images/{id}",
      "storage:read        GET    /api/multicloud/snapshots",
      "storage:read        GET    /api/multicloud/snapshots/{id}",
      "storage:read        GET    /api/multicloud/volumes",
      "storage:read        GET    /api/multicloud/volumes/{id}",
      "vms:create          POST   /api/multicloud/vms",
      "vms:delete          DELETE /api/multicloud/vms/{id}",
      "vms:operate         POST   /api/multicloud/vms/{id}/relocate",
      "vms:operate         POST   /api/multicloud/vms/{id}/restart",
      "vms:operate         POST   /api/multicloud/vms/{id}/resume",
      "vms:operate         POST   /api/multicloud/vms/{id}/start",
      "vms:operate         POST   /api/multicloud/vms/{id}/stop",
      "vms:operate         POST   /api/multicloud/vms/{id}/suspend",
      "vms:operate         PUT    /api/multicloud/vms/{id}",
      "vms:read            GET    /api/multicloud/vms",
      "vms:read            GET    /api/multicloud/vms/{id}",
      "vms:read            GET    /api/multicloud/vms/{id}/metrics",
      "webhooks:manage     DELETE /api/multicloud/webhooks/{id}",
      "webhooks:manage     POST   /api/multicloud/webhooks",
      "webhooks:manage     POST   /api/multicloud/webhooks/{id}/rotate-secret",
      "webhooks:manage     POST   /api/multicloud/webhooks/{id}/test",
      "webhooks:manage     PUT    /api/multicloud/webhooks/{id}",
      "webhooks:read       GET    /api/multicloud/webhooks",
      "webhooks:read       GET    /api/multicloud/webhooks/{id}",
      "webhooks:read       GET    /api/multicloud/webhooks/{id}/deliveries",
    ]
  `)
})

test.each(Object.keys(roles) as Role[])(
  'the role %s gets 403 on exactly the routes that it has no permission for',
  async (role) => {
    const client = await api.as('acme', role)
    for (const { method, path, permission } of endpoints) {
      const answer = await api.request(pathOf(path), {
        method: method.toUpperCase(),
        headers: { authorization: `Bearer ${client.token}` },
      })
      const held = (roles[role] as readonly string[]).includes(permission)
      expect(answer.status === 403, `${role} ${method} ${path} answered ${answer.status}`).toBe(!held)
    }
  },
)

test('without a token every route answers 401 and says how to get one', async () => {
  for (const { method, path } of endpoints) {
    const answer = await api.request(pathOf(path), { method: method.toUpperCase() })
    expect(answer.status, `${method} ${path}`).toBe(401)
    expect(answer.headers.get('www-authenticate')).toMatch(/^Bearer/)
    expect(answer.body).toMatchObject({
      code: 'unauthenticated',
      remedy: expect.stringContaining('npm run token'),
    })
  }
})

test('a token without any known role may do nothing', async () => {
  const client = await api.as('acme')
  expect((await client.get('/vms')).status).toBe(403)
})

test.each(['Basic dXNlcjpwYXNz', 'Bearer', 'Bearer ', 'Bearer a b', 'Bearer ü', 'bearer x', ''])(
  'the Authorization header %j is answered with 401',
  async (authorization) => {
    const answer = await api.request('/api/multicloud/vms', {
      headers: { authorization: Buffer.from(authorization).toString('latin1') },
    })
    expect(answer.status).toBe(401)
  },
)
