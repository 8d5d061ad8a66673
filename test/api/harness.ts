import { Writable } from 'node:stream'
import { pino } from 'pino'
import type { Pool } from 'pg'
import { createApp } from '#api/app.ts'
import { signToken } from '#api/auth/tokens.ts'
import type { KeySource } from '#api/auth/keys.ts'
import type { Role } from '#api/auth/permissions.ts'
import type { ApiDeps } from '#api/services.ts'
import { openOrm } from '#db/orm.ts'
import { openPool } from '#db/pool.ts'
import { readConfig, type Config } from '#shared/config.ts'
import { openQueues, type QueueAddresses } from '#shared/jobs/queues.ts'
import { openWake } from '#shared/jobs/wake.ts'
import { localKeyring } from '#shared/secrets/keyring.ts'
import { createTestDatabase } from '#test/setup/database.ts'
import { testRedisUrl } from '#test/setup/queue.ts'

export interface Answer {
  status: number
  headers: Headers
  text: string
  // The shapes differ by route; each test reads what it asserts.
  body: Json
}

/** Whatever JSON an answer holds, read by path without casts: a wrong path gives undefined and fails the assertion. */
export interface Json {
  [key: string]: Json
}

export interface Client {
  get(path: string, headers?: Record<string, string>): Promise<Answer>
  post(path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>
  put(path: string, body: unknown, headers?: Record<string, string>): Promise<Answer>
  delete(path: string, headers?: Record<string, string>): Promise<Answer>
  token: string
}

export interface Harness {
  app: ReturnType<typeof createApp>
  deps: ApiDeps
  pool: Pool
  addresses: QueueAddresses
  /** Everything that was logged so far. */
  logged(): string
  /** A client whose token has these roles; paths are below /api/multicloud. */
  as(tenant: string, ...roles: Role[]): Promise<Client>
  request(path: string, init?: RequestInit): Promise<Answer>
  close(): Promise<void>
}

/** The real application on a database of its own. */
export async function openHarness(overrides: Partial<Config> = {}, keys?: KeySource): Promise<Harness> {
  const database = await createTestDatabase()
  const config = { ...readConfig({}), ...overrides }
  const pool = openPool(database.url)
  const orm = await openOrm(database.url)
  const wake = await openWake(database.url)
  const prefix = `t${Math.random().toString(36).slice(2)}`
  const addresses = { databaseUrl: database.url, redisUrl: testRedisUrl(), prefix }
  const queues = await openQueues(addresses)
  const closing = new AbortController()
  const lines: string[] = []
  const log = pino({ level: 'trace' }, sink(lines))
  const tokenKeys: KeySource = keys ?? { kind: 'secret', key: secret, algorithms: ['HS256'], generated: true }
  const deps = {
    config,
    pool,
    orm,
    wake,
    queues,
    keyring: localKeyring([sealingKey]),
    tokenKeys,
    log,
    closing: closing.signal,
  }
  const app = createApp(deps)

  const request = async (path: string, init?: RequestInit): Promise<Answer> => {
    const response = await app.request(path, init)
    const text = await response.text()
    const json = response.headers.get('content-type')?.includes('json')
    return {
      status: response.status,
      headers: response.headers,
      text,
      body: json && text ? (JSON.parse(text) as Json) : {},
    }
  }

  return {
    app,
    deps,
    pool,
    addresses,
    logged: () => lines.join(''),
    request,
    async as(tenant, ...roles) {
      const token = await signToken(config, secret, {
        tenant,
        roles,
        subject: `${roles.join('+')}@${tenant}`,
        ttlMs: 3_600_000,
      })
      return clientOf(request, token)
    },
    async close() {
      closing.abort()
      await queues.close()
      await wake.close()
      await orm.close(true)
      await pool.end()
      await database.drop()
    },
  }
}

export const secret = new TextEncoder().encode('a secret of the tests, 32 bytes or more')
export const sealingKey = Buffer.alloc(32, 7)

/** A text within an answer, by path: `textAt(answer, 'vm.id')`. Fails the test where there is none. */
export function textAt(answer: Answer, path: string): string {
  const value: unknown = path.split('.').reduce<Json | undefined>((at, name) => at?.[name], answer.body)
  if (typeof value === 'string') return value
  throw new Error(`the answer has no text at ${path}: ${answer.text.slice(0, 300)}`)
}

/** Two providers, as most tests need them. */
export async function registerClouds(admin: Client): Promise<void> {
  await admin.post('/providers', awsProvider)
  await admin.post('/providers', azureProvider)
}

export const awsProvider = {
  provider_id: 'aws-prod',
  type: 'aws',
  config: {
    name: 'AWS production',
    credentials: { access_key_id: 'AKIATESTTESTTEST', secret_access_key: 'sEcReT-of-the-aws-account' },
    regions: ['us-east-1', 'us-west-2'],
  },
}

export const azureProvider = {
  provider_id: 'azure-prod',
  type: 'azure',
  config: {
    credentials: {
      tenant_id: '11111111-1111-4111-8111-111111111111',
      client_id: '22222222-2222-4222-8222-222222222222',
      client_secret: 'sEcReT-of-the-azure-account',
      subscription_id: '33333333-3333-4333-8333-333333333333',
    },
    regions: ['eastus'],
  },
}

export const vmRequest = {
  name: 'web-1',
  instance_type: 'medium',
  region: 'us-east-1',
  tags: { team: 'web' },
}

/** Puts a VM into the books as if its cloud had made it. */
export async function bookVm(
  pool: Pool,
  vm: {
    id: string
    tenant: string
    provider?: string
    cloudId?: string
    state?: string
    region?: string
    name?: string
    tags?: Record<string, string>
  },
): Promise<void> {
  await pool.query(
    `insert into multicloud_vms (id, tenant_id, provider_id, vm_id, name, region, state, tags, observed)
     values ($1, $2, $3, $4, $5, $6, $7, $8, '{}')`,
    [
      vm.id,
      vm.tenant,
      vm.provider ?? 'aws-prod',
      vm.cloudId ?? `i-${vm.id}`,
      vm.name ?? vm.id,
      vm.region ?? 'us-east-1',
      vm.state ?? 'running',
      JSON.stringify(vm.tags ?? {}),
    ],
  )
}

function clientOf(request: Harness['request'], token: string): Client {
  const base = '/api/multicloud'
  const authorization = `Bearer ${token}`
  const send = (method: string, path: string, body: unknown, headers: Record<string, string>) =>
    request(`${base}${path}`, {
      method,
      headers: {
        authorization,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
  return {
    token,
    get: (path, headers = {}) => send('GET', path, undefined, headers),
    post: (path, body, headers = {}) => send('POST', path, body, headers),
    put: (path, body, headers = {}) => send('PUT', path, body, headers),
    delete: (path, headers = {}) => send('DELETE', path, undefined, headers),
  }
}

const sink = (lines: string[]) =>
  new Writable({
    write(chunk: Buffer, _encoding, done) {
      lines.push(chunk.toString('utf8'))
      done()
    },
  })
