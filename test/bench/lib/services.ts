import { openEmbedded } from '#db/embedded.ts'
import { createDatabase, dropDatabase } from '#db/embedded/databases.ts'
import { migrate } from '#db/migrate.ts'
import { readConfig } from '#shared/config.ts'
import { resolveRedis } from '#shared/jobs/redis.ts'
import type { QueueAddresses } from '#shared/jobs/queues.ts'
import { stateFolder } from '#shared/services/state.ts'

export interface BenchServices {
  addresses: QueueAddresses
  backend: string
  close(): Promise<void>
}

/** A migrated database of the benchmark's own, and the queue backend that the ladder finds. */
export async function openServices(name: string): Promise<BenchServices> {
  const config = readConfig()
  const server = await openEmbedded(stateFolder(config, 'bench-postgres'))
  const databaseName = `bench_${name}_${process.pid}`
  const databaseUrl = await createDatabase(server.url, databaseName)
  await migrate(databaseUrl)
  const redis = await resolveRedis(config)
  return {
    addresses: { databaseUrl, redisUrl: redis?.url, prefix: databaseName },
    backend: redis ? 'Redis' : 'PostgreSQL',
    async close() {
      await redis?.release()
      await dropDatabase(server.url, databaseName)
      await server.release()
    },
  }
}
