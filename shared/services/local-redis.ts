import { execFile } from 'node:child_process'
import { accessSync, constants, existsSync, mkdirSync, rmSync, statSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { Redis } from 'ioredis'
import {
  commandOf,
  endProcess,
  freePort,
  isAlive,
  readIfThere,
  signal,
  spawnDetached,
  tailOf,
} from './process.ts'
import type { LocalServer, Running } from './shared-server.ts'
import { readServerSettings, writePrivately, type ServerSettings } from './state.ts'

export type RedisProgram = { path: string; name: 'Redis' | 'Valkey'; version: string }

/** BullMQ's scripts need what came with 6.2. */
const oldestVersion = [6, 2] as const
const readyTimeoutMs = 60_000
const readyPollMs = 20
const shutdownGraceMs = 20_000

/** The first Redis or Valkey on PATH that is new enough for the queues. */
export async function findRedisProgram(path = process.env['PATH'] ?? ''): Promise<RedisProgram | undefined> {
  for (const program of ['redis-server', 'valkey-server']) {
    for (const candidate of path
      .split(delimiter)
      .filter(Boolean)
      .map((folder) => join(folder, program))) {
      if (!isProgram(candidate)) continue
      const version = await versionOf(candidate)
      if (version) return { path: candidate, name: program === 'redis-server' ? 'Redis' : 'Valkey', version }
    }
  }
  return undefined
}

/** A Redis of our own on loopback, with everything it needs in `folder`. Every write reaches its append-only file; no key is evicted. */
export function localRedis(folder: string, { ephemeral = false } = {}): LocalServer {
  mkdirSync(folder, { recursive: true })
  const settingsPath = join(folder, 'server.json')
  const configPath = join(folder, 'redis.conf')
  const pidPath = join(folder, 'redis.pid')
  const logPath = join(folder, 'redis.log')
  const dataFolder = join(folder, 'data')

  async function find(): Promise<Running | undefined> {
    const pid = Number(readIfThere(pidPath))
    const settings = readServerSettings(settingsPath)
    // Redis retitles its process to "redis-server 127.0.0.1:PORT" once it is up. A command line that is not shown is taken for it.
    const names = [configPath, `-server 127.0.0.1:${settings.port}`]
    if (!(pid > 0) || !isAlive(pid) || !names.some((name) => commandOf(pid)?.includes(name) ?? true))
      return undefined
    const running = { pid, url: urlOf(settings) }
    return (await isReady(running)) ? running : undefined
  }

  async function start(): Promise<Running> {
    const program = await findRedisProgram()
    if (!program) throw new Error('Neither redis-server nor valkey-server is on PATH any more.')
    if (ephemeral) rmSync(dataFolder, { recursive: true, force: true })
    mkdirSync(dataFolder, { recursive: true, mode: 0o700 })
    const kept = readServerSettings(settingsPath)
    const settings = { ...kept, port: await freePort(kept.port) }
    writePrivately(settingsPath, JSON.stringify(settings))
    // In a file, since a command line shows the password to every user of the machine.
    writePrivately(configPath, configOf(settings, dataFolder, pidPath))
    rmSync(pidPath, { force: true })
    const pid = await spawnDetached(program.path, [configPath], {
      cwd: folder,
      env: { LC_ALL: 'C', PATH: '/usr/bin:/bin' },
      logPath,
    })
    const running = { pid, url: urlOf(settings) }
    if (await isReady(running)) return running
    throw new Error(`${program.path} does not start. Its log (${logPath}) ends with:\n${tailOf(logPath)}`)
  }

  return {
    name: 'The local Redis',
    folder,
    find,
    start,
    async stop({ pid }) {
      if (isAlive(pid)) await endProcess(pid, ['SIGTERM'], shutdownGraceMs)
      rmSync(pidPath, { force: true })
      if (ephemeral) rmSync(dataFolder, { recursive: true, force: true })
    },
    stopSoon: ({ pid }) => signal(pid, 'SIGTERM'),
  }
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return existsSync(path) && statSync(path).isFile()
  } catch {
    return false
  }
}

/** The version, when it is new enough. */
async function versionOf(program: string): Promise<string | undefined> {
  try {
    const { stdout } = await promisify(execFile)(program, ['--version'], { timeout: 10_000 })
    const [version, major, minor] = /v=(\d+)\.(\d+)\.\d+/.exec(stdout) ?? []
    if (!version) return undefined
    const isNewEnough =
      Number(major) > oldestVersion[0] ||
      (Number(major) === oldestVersion[0] && Number(minor) >= oldestVersion[1])
    return isNewEnough ? version.slice(2) : undefined
  } catch {
    return undefined
  }
}

function configOf({ port, password }: ServerSettings, dataFolder: string, pidPath: string): string {
  return [
    'bind 127.0.0.1',
    `port ${port}`,
    'protected-mode yes',
    `requirepass ${password}`,
    `dir ${JSON.stringify(dataFolder)}`,
    `pidfile ${JSON.stringify(pidPath)}`,
    'appendonly yes',
    'appendfsync everysec',
    'maxmemory-policy noeviction',
    'save ""',
    'daemonize no',
    '',
  ].join('\n')
}

function urlOf({ port, password }: ServerSettings): string {
  return `redis://default:${password}@127.0.0.1:${port}`
}

/** Waits until a server answers its password; false once its process has ended or when another server holds the port. */
async function isReady({ pid, url }: Running): Promise<boolean> {
  const deadline = Date.now() + readyTimeoutMs
  while (isAlive(pid)) {
    const answer = await ping(url)
    if (answer === 'PONG') return true
    if (/WRONGPASS|NOAUTH|without any password/.test(answer)) return false
    if (Date.now() > deadline) throw new Error(`Redis (process ${pid}) does not answer: ${answer}`)
    await sleep(readyPollMs)
  }
  return false
}

/** The answer to PING, or the text of the error. */
async function ping(url: string): Promise<string> {
  const redis = new Redis(url, {
    lazyConnect: true,
    // The check of ioredis waits a whole second for a server that still loads its data.
    enableReadyCheck: false,
    retryStrategy: () => null,
    connectTimeout: 2000,
    maxRetriesPerRequest: 0,
  })
  let problem = ''
  redis.on('error', (error: Error) => (problem = error.message))
  try {
    await redis.connect()
    return await redis.ping()
  } catch (error) {
    return `${problem} ${String(error)}`
  } finally {
    redis.disconnect()
  }
}
