import { hostname } from 'node:os'
import { randomBytes } from 'node:crypto'
import { pino } from 'pino'
import { resolveDatabase } from '#db/embedded.ts'
import { migrate } from '#db/migrate.ts'
import { openPool } from '#db/pool.ts'
import { createProviders } from '#shared/clouds/providers.ts'
import { readConfig } from '#shared/config.ts'
import { resolveQueues } from '#shared/jobs/ladder.ts'
import { pools, type Pool } from '#shared/jobs/types.ts'
import { createOutbound } from '#shared/outbound.ts'
import { openKeyring } from '#shared/secrets/keyring.ts'
import { loadChains } from '#workers/chains.ts'
import { startWorkers } from '#workers/process.ts'
import { startExpiry } from '#workers/upkeep/expiry.ts'
import { startRounds } from '#workers/upkeep/rounds.ts'

const config = readConfig()
const log = pino({ level: config.LOG_LEVEL })
const served = servedPools(config.POOLS)

const database = await resolveDatabase(config)
console.log(database.note)
await migrate(database.url)
const queues = await resolveQueues(config, database.url)
console.log(queues.note)

const workerId = `${hostname()}-${process.pid}-${randomBytes(3).toString('hex')}`
const db = openPool(database.url, 3)
const keyring = openKeyring(config)
const providers = createProviders(db, keyring, workerId)
const outbound = createOutbound({ allowPrivate: config.ALLOW_PRIVATE_NETWORKS })
const workers = await startWorkers({
  addresses: queues.addresses,
  pools: served,
  chains: await loadChains(served, { keyring, outbound }),
  concurrency: config.CONCURRENCY,
  leaseMs: config.LEASE_MS,
  workerId,
  openProvider: providers.open,
  log,
})
const upkeep = served.includes('upkeep') ? [startExpiry(db, log), startRounds(db, providers.open, log)] : []
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => void stop())
console.log(`Worker ${workerId} serves ${served.join(', ')}`)

async function stop() {
  for (const timer of upkeep) timer.stop()
  await workers.stop(config.SHUTDOWN_GRACE_MS)
  await providers.close()
  await outbound.close()
  await db.end()
  await queues.release()
  await database.release()
  process.exit(0)
}

function servedPools(names: readonly string[]): Pool[] {
  const unknown = names.filter((name) => !(pools as readonly string[]).includes(name))
  if (unknown.length === 0) return names as Pool[]
  throw new Error(`POOLS names ${unknown.join(', ')}; the pools are ${pools.join(', ')}.`)
}
