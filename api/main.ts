import { serve } from '@hono/node-server'
import type { Server } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { pino } from 'pino'
import { createApp } from '#api/app.ts'
import { tokenKeys } from '#api/auth/keys.ts'
import { resolveDatabase } from '#db/embedded.ts'
import { migrate } from '#db/migrate.ts'
import { openOrm } from '#db/orm.ts'
import { openPool } from '#db/pool.ts'
import { readConfig } from '#shared/config.ts'
import { resolveQueues } from '#shared/jobs/ladder.ts'
import { openQueues } from '#shared/jobs/queues.ts'
import { openWake } from '#shared/jobs/wake.ts'
import { openKeyring } from '#shared/secrets/keyring.ts'

const config = readConfig()
const log = pino({ level: config.LOG_LEVEL })

const database = await resolveDatabase(config)
console.log(database.note)
await migrate(database.url)
const ladder = await resolveQueues(config, database.url)
console.log(ladder.note)

const pool = openPool(database.url)
const orm = await openOrm(database.url)
const wake = await openWake(database.url, log)
const queues = await openQueues(ladder.addresses)
const closing = new AbortController()
const app = createApp({
  config,
  pool,
  orm,
  wake,
  queues,
  keyring: openKeyring(config),
  tokenKeys: tokenKeys(config),
  log,
  closing: closing.signal,
})

const server = serve({ fetch: app.fetch, hostname: config.HOST, port: config.PORT }, (address) => {
  const host = address.family === 'IPv6' ? `[${address.address}]` : address.address
  console.log(
    `API: http://${host}:${address.port} (console at /console, reference at /docs, board at /board)`,
  )
}) as Server
server.on('error', (error) => {
  console.error(`The API cannot listen on ${config.HOST}:${config.PORT}: ${error.message}. Set HOST or PORT.`)
  void stop(1)
})

for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => void stop(0))

/** Takes no more requests, ends streams and held answers, lets the rest finish for a bounded time, and closes. */
async function stop(exitCode: number): Promise<void> {
  closing.abort()
  const closed = new Promise<void>((resolve) => {
    server.close(() => resolve())
  })
  server.closeIdleConnections()
  await Promise.race([closed, sleep(config.SHUTDOWN_GRACE_MS, undefined, { ref: false })])
  server.closeAllConnections()
  const release = async () => {
    await Promise.allSettled([queues.close(), wake.close(), orm.close(true), pool.end()])
    await ladder.release()
    await database.release()
  }
  await Promise.race([release(), sleep(releaseMs, undefined, { ref: false })])
  process.exit(exitCode)
}

const releaseMs = 5000
