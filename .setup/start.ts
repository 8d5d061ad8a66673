// `npm start`: every line of the Procfile on this machine, on one database and one set of queues, stopped in good order together.
import { resolveDatabase } from '#db/embedded.ts'
import { migrate } from '#db/migrate.ts'
import { readConfig } from '#shared/config.ts'
import { resolveRedis } from '#shared/jobs/redis.ts'
import { readProcfile } from './procfile.ts'
import { runTogether } from './together.ts'

process.exitCode = await main()

async function main(): Promise<number> {
  const config = readConfig()
  // Held here as well as by each process, so that the services outlive the first and the last of them.
  const database = await resolveDatabase(config)
  try {
    const redis = await resolveRedis(config)
    try {
      console.log(database.note)
      console.log(redis?.note ?? 'Queues: in PostgreSQL (no REDIS_URL, no Redis or Valkey on PATH)')
      await migrate(database.url)
      return await runTogether(readProcfile(), { stopGraceMs: config.SHUTDOWN_GRACE_MS + 5000 })
    } finally {
      await redis?.release()
    }
  } finally {
    await database.release()
  }
}
