import { join } from 'node:path'
import { signToken } from '#api/auth/tokens.ts'
import { tokenKeys } from '#api/auth/keys.ts'
import { resolveDatabase } from '#db/embedded.ts'
import { createDatabase, dropDatabase } from '#db/embedded/databases.ts'
import { migrate } from '#db/migrate.ts'
import { readConfig, type Config } from '#shared/config.ts'
import { resolveQueues } from '#shared/jobs/ladder.ts'
import { freePort } from '#shared/services/process.ts'
import { createChildren } from '#test/demo/children.ts'
import { createClient, type Client } from '#test/demo/client.ts'
import { openHome, type Home } from '#test/demo/home.ts'
import { good, title } from '#test/demo/screen.ts'
import { startReceiver, type Receiver } from '#test/demo/receiver.ts'
import { findHypervisor } from '#test/clouds/core/hypervisor.ts'
import { findLinuxParts } from '#test/clouds/guest/linux-parts.ts'
import type { Announcement } from '#test/clouds/main.ts'

export interface Stack {
  url: string
  token: string
  client: Client
  clouds: Announcement
  /** Hosts of this machine's own, or why there are none. */
  home: Home | { reason: string }
  receiver: Receiver
  logPath: string
  takeDown(): Promise<void>
}

const tenant = 'acme'

/** Brings up everything that NovaCron consists of, on loopback, with a database of this run's own. */
export async function bringUp(folder: string): Promise<Stack> {
  title('Bringing NovaCron up')
  const config = readConfig()
  const database = await resolveDatabase(config)
  good(database.note)
  const name = `demo_${Date.now()}`
  const databaseUrl = await createDatabase(database.url, name)
  await migrate(databaseUrl)
  const queues = await resolveQueues({ ...config, QUEUE_PREFIX: name }, databaseUrl)
  good(queues.note)

  const logPath = join(folder, 'demo.log')
  const children = createChildren(logPath)
  const receiver = await startReceiver()
  const home = await openHome()
  const takeDown = async () => {
    await children.stopAll()
    if ('close' in home) await home.close()
    receiver.close()
    await queues.release()
    await dropDatabase(database.url, name)
    await database.release()
  }
  try {
    const port = await freePort(config.PORT)
    const url = `http://127.0.0.1:${port}`
    const env = {
      DATABASE_URL: databaseUrl,
      ...(queues.addresses.redisUrl
        ? { REDIS_URL: queues.addresses.redisUrl }
        : { QUEUE_BACKEND: 'postgres' }),
      QUEUE_PREFIX: name,
      PORT: String(port),
      PUBLIC_URL: url,
      ALLOW_PRIVATE_NETWORKS: 'true',
      ALLOW_LOCAL_HYPERVISORS: 'true',
      LOG_LEVEL: 'info',
    }
    const worker = (pools: string) =>
      children.start(`worker ${pools}`, ['workers/main.ts'], { ...env, POOLS: pools }, (line) =>
        line.startsWith('Worker ') ? line : undefined,
      )
    const [clouds] = await Promise.all([
      children.start(
        'clouds',
        ['test/clouds/main.ts', '--clouds', 'aws,azure,gcp', await guestFlag(), '--tied'],
        {},
        (line) => (line.startsWith('{"dir"') ? (JSON.parse(line) as Announcement) : undefined),
      ),
      children.start('api', ['api/main.ts'], env, (line) => (line.includes(url) ? line : undefined)),
      worker('migration'),
      worker('provisioning,webhooks,upkeep'),
    ])
    good(`API at ${url}; workers for migration, and for provisioning, webhooks and upkeep`)
    good('Loopback AWS, Azure and Google Cloud, which the real SDKs talk to over their wire protocols')
    const token = await developmentToken(config)
    return { url, token, client: createClient(url, token), clouds, home, receiver, logPath, takeDown }
  } catch (error) {
    await takeDown()
    throw error
  }
}

/** The tiny Linux where its parts and a QEMU that can boot it are there, else the boot-sector guest. */
const guestFlag = async (): Promise<string> =>
  'reason' in (await findHypervisor()) || 'reason' in findLinuxParts() ? '--images' : '--linux'

/** A token of the generated key, as `npm run token` makes it. */
async function developmentToken(config: Config): Promise<string> {
  const keys = tokenKeys(config)
  if (keys.kind !== 'secret') throw new Error('The demo signs its own tokens: unset JWT_JWKS_URL for it.')
  return await signToken(config, keys.key, {
    subject: 'demo',
    tenant,
    roles: ['admin', 'platform'],
    ttlMs: 12 * 3_600_000,
  })
}
