// `npm start`: every line of the Procfile on this machine, on one database and one set of queues, stopped in good order together.
import { resolveDatabase } from '#db/embedded.ts'
import { migrate } from '#db/migrate.ts'
import { readConfig } from '#shared/config.ts'
import { resolveQueues } from '#shared/jobs/ladder.ts'
import { readProcfile } from './procfile.ts'
import { runTogether } from './together.ts'

const config = readConfig()
// Held here as well as by each process, so that the services are up before the first of them and until after the last.
const database = await resolveDatabase(config)
await migrate(database.url)
const queues = await resolveQueues(config, database.url)
// A process is given its own grace, and some time to close its connections.
process.exitCode = await runTogether(readProcfile(), { stopGraceMs: config.SHUTDOWN_GRACE_MS + 10_000 })
await queues.release()
await database.release()
