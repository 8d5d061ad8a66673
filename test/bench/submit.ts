import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { signToken } from '#api/auth/tokens.ts'
import { openPool } from '#db/pool.ts'
import { readConfig } from '#shared/config.ts'
import { loadWith } from '#test/bench/lib/load.ts'
import { openServices } from '#test/bench/lib/services.ts'

const connections = 32
const durationMs = 4_000
const rounds = 3

/** The body of the documentation's example. */
const body = JSON.stringify({
  name: 'production-web-server',
  instance_type: 'medium',
  region: 'us-east-1',
  cost_optimized: true,
  high_availability: true,
  compliance_requirements: ['SOC2', 'GDPR'],
  data_residency_regions: ['us-east-1', 'us-west-2'],
  tags: { environment: 'production', team: 'web-services' },
})

/**
 * Accepted `POST /vms` per second (authenticated, validated, VM, job, step, event and dispatch in the database) beside a bare Hono route that
 * does one prepared INSERT. Each is a process of its own under the same load, in turn.
 */
export async function run() {
  const services = await openServices('submit')
  const { databaseUrl, redisUrl, prefix } = services.addresses
  const secret = randomBytes(32).toString('hex')
  const env = {
    ...process.env,
    DATABASE_URL: databaseUrl,
    ...(redisUrl ? { REDIS_URL: redisUrl } : { QUEUE_BACKEND: 'postgres' }),
    QUEUE_PREFIX: prefix,
    JWT_SECRET: secret,
    PORT: '0',
    LOG_LEVEL: 'warn',
    // Counted as ever, but never refused.
    RATE_LIMIT_PER_CALLER: '1000000000',
    RATE_LIMIT_PER_TENANT: '1000000000',
  }
  const servers: Server[] = []
  try {
    await addProvider(databaseUrl)
    servers.push(await start('../../api/main.ts', env), await start('lib/bare-server.ts', env))
    const [ours, bare] = servers
    if (!ours || !bare) throw new Error('a server is missing')
    const config = readConfig({ JWT_SECRET: secret })
    const token = await signToken(config, Buffer.from(secret), {
      subject: 'bench',
      tenant: 'bench',
      roles: ['admin'],
      ttlMs: 3_600_000,
    })
    const headers = { 'content-type': 'application/json', authorization: `Bearer ${token}` }
    const load = (base: string, path: string, ms: number) =>
      loadWith({ url: base + path, headers, body, connections, durationMs: ms })
    await load(ours.url, '/api/multicloud/vms', 1_500)
    await load(bare.url, '/vms', 1_500)
    const pairs: { ours: number; bare: number }[] = []
    for (let round = 0; round < rounds; round += 1)
      pairs.push({
        bare: await load(bare.url, '/vms', durationMs),
        ours: await load(ours.url, '/api/multicloud/vms', durationMs),
      })
    const middle = pairs.toSorted((a, b) => a.ours / a.bare - b.ours / b.bare)[Math.floor(rounds / 2)]
    if (!middle) throw new Error('no round was measured')
    return {
      name: 'submit',
      value: Math.round(middle.ours),
      unit: 'requests/s',
      ratio: Number((middle.ours / middle.bare).toFixed(3)),
      against: `bare Hono route with one prepared INSERT: ${Math.round(middle.bare)} requests/s`,
    }
  } finally {
    for (const server of servers) await server.stop()
    await services.close()
  }
}

async function addProvider(databaseUrl: string): Promise<void> {
  const pool = openPool(databaseUrl, 1)
  await pool.query(`insert into tenants (id, name) values ('bench', 'bench')`)
  await pool.query(
    `insert into cloud_providers (tenant_id, id, name, type, config) values ('bench', 'aws-prod', 'aws-prod', 'aws', $1)`,
    [
      JSON.stringify({
        regions: ['us-east-1', 'us-west-2'],
        default_region: 'us-east-1',
        endpoints: {},
        options: {},
      }),
    ],
  )
  await pool.end()
}

interface Server {
  url: string
  stop(): Promise<void>
}

/** Starts a server script and waits for the line that names its address. */
async function start(script: string, env: NodeJS.ProcessEnv): Promise<Server> {
  const child = spawn(process.execPath, [fileURLToPath(new URL(script, import.meta.url))], {
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  for await (const line of createInterface({ input: child.stdout })) {
    const [, url] = /^API: (http:\/\/\S+)/.exec(line) ?? []
    if (!url) continue
    return {
      url,
      async stop() {
        child.kill('SIGTERM')
        if (child.exitCode === null)
          await Promise.race([once(child, 'exit'), new Promise((resolve) => setTimeout(resolve, 12_000))])
        child.kill('SIGKILL')
      },
    }
  }
  throw new Error(`${script} ended before it listened`)
}
