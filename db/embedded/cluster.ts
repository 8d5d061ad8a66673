import { execFile } from 'node:child_process'
import { chownSync, existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import {
  commandOf,
  endProcess,
  freePort,
  isAlive,
  readIfThere,
  signal,
  spawnDetached,
  tailOf,
} from '#shared/services/process.ts'
import type { LocalServer, Running } from '#shared/services/shared-server.ts'
import { readServerSettings, writePrivately, type ServerSettings } from '#shared/services/state.ts'
import type { Binaries } from './binaries.ts'
import { createDatabase, query } from './databases.ts'
import { discardHome, prepareHome, type Home } from './home.ts'

export type ClusterOptions = {
  /** Throw the data away when the last user leaves, and start from nothing (tests). */
  ephemeral?: boolean
  /** Further server settings, as for `postgres -c name=value`. */
  settings?: Record<string, string>
}

const superuser = 'novacron'
const defaults = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  max_connections: '200',
  shared_buffers: '128MB',
  timezone: 'UTC',
  log_timezone: 'UTC',
}
const shutdownGraceMs = 30_000
const readyPollMs = 20
/** A server that was killed replays its log first, which can take a while; one that ended is noticed at once. */
const readyTimeoutMs = 120_000

/** An embedded PostgreSQL: settings, log and locks in `folder`; its data there too, unless root runs it (see `prepareHome`). */
export function cluster(
  folder: string,
  { ephemeral = false, settings = {} }: ClusterOptions = {},
): LocalServer {
  mkdirSync(folder, { recursive: true })
  const settingsPath = join(folder, 'server.json')
  const logPath = join(folder, 'postgres.log')

  async function find(): Promise<Running | undefined> {
    const { dataFolder } = prepareHome(folder)
    const running = readPidFile(dataFolder, readServerSettings(settingsPath))
    return running && (await isReady(running)) ? running : undefined
  }

  async function start(): Promise<Running> {
    const home = prepareHome(folder)
    const { dataFolder } = home
    if (ephemeral) rmSync(dataFolder, { recursive: true, force: true })
    const kept = readServerSettings(settingsPath)
    const isNew = !existsSync(join(dataFolder, 'PG_VERSION'))
    const running = { ...kept, port: await freePort(kept.port) }
    writePrivately(settingsPath, JSON.stringify(running))
    if (isNew) await initialise(dataFolder, running.password, home.binaries)
    const started = await launch(running, home)
    await createDatabase(started.url, 'novacron')
    return started
  }

  async function launch(given: ServerSettings, { home, dataFolder, binaries }: Home): Promise<Running> {
    const all = { ...defaults, ...settings, port: String(given.port) }
    const flags = Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`])
    const url = urlOf(given)
    const deadline = Date.now() + 10_000
    for (;;) {
      forgetStalePid(dataFolder)
      const pid = await spawnDetached(binaries.postgres, ['-D', dataFolder, ...flags], {
        cwd: home,
        env: { LC_ALL: 'C', PATH: '/usr/bin:/bin' },
        logPath,
        as: binaries.as,
      })
      if (await isReady({ pid, url })) return { pid, url }
      const reason = tailOf(logPath)
      // The children of a postmaster that was killed need a moment to notice it; until then they hold its shared memory.
      if (Date.now() < deadline && reason.includes('still in use')) await sleep(200)
      else
        throw new Error(`The embedded PostgreSQL does not start. Its log (${logPath}) ends with:\n${reason}`)
    }
  }

  return {
    name: 'The embedded PostgreSQL',
    folder,
    find,
    start,
    async stop({ pid }) {
      // SIGINT is PostgreSQL's fast shutdown: clients are cut off, nothing that was committed is lost. SIGQUIT recovers at next start.
      if (isAlive(pid)) await endProcess(pid, ['SIGINT', 'SIGQUIT'], shutdownGraceMs)
      if (ephemeral) discardHome(prepareHome(folder))
    },
    stopSoon: ({ pid }) => signal(pid, 'SIGINT'),
  }
}

/** Makes a new, empty cluster: complete or absent, never half made. */
async function initialise(dataFolder: string, password: string, binaries: Binaries): Promise<void> {
  const fresh = `${dataFolder}.new`
  const passwordPath = `${dataFolder}.password`
  rmSync(fresh, { recursive: true, force: true })
  rmSync(passwordPath, { force: true })
  mkdirSync(fresh, { mode: 0o700 })
  writeFileSync(passwordPath, password, { mode: 0o600 })
  if (binaries.as) for (const path of [fresh, passwordPath]) chownSync(path, binaries.as.uid, binaries.as.gid)
  const flags = [
    '--encoding=UTF8',
    '--locale=C',
    '--auth=scram-sha-256',
    `--username=${superuser}`,
    `--pwfile=${passwordPath}`,
  ]
  try {
    await promisify(execFile)(binaries.initdb, ['-D', fresh, ...flags], {
      cwd: '/',
      env: { LC_ALL: 'C', PATH: '/usr/bin:/bin', TZ: 'UTC' },
      ...binaries.as,
    })
  } catch (error) {
    const said = error instanceof Error && 'stderr' in error ? String(error.stderr).trim() : String(error)
    throw new Error(`Cannot initialise the embedded PostgreSQL in ${dataFolder}: ${said}`, { cause: error })
  } finally {
    rmSync(passwordPath, { force: true })
  }
  renameSync(fresh, dataFolder)
}

function urlOf({ port, password }: ServerSettings): string {
  return `postgres://${superuser}:${password}@127.0.0.1:${port}/postgres`
}

/** The server that a data folder's pid file speaks of, if that process is alive and really is this server. */
function readPidFile(dataFolder: string, settings: ServerSettings): Running | undefined {
  const lines = (readIfThere(join(dataFolder, 'postmaster.pid')) ?? '').split('\n')
  const pid = Number(lines[0])
  if (!isServerOf(dataFolder, pid)) return undefined
  return { pid, url: urlOf({ ...settings, port: Number(lines[3]) || settings.port }) }
}

/** After a crash of the machine the pid in the file may belong to an unrelated process, for which PostgreSQL would not start. */
function forgetStalePid(dataFolder: string): void {
  const path = join(dataFolder, 'postmaster.pid')
  const pid = Number(readIfThere(path)?.split('\n')[0])
  if (!isServerOf(dataFolder, pid)) rmSync(path, { force: true })
}

/** A process whose command line this system does not show is taken for the server. */
function isServerOf(dataFolder: string, pid: number): boolean {
  return pid > 0 && isAlive(pid) && (commandOf(pid)?.includes(dataFolder) ?? true)
}

/** Waits until a server answers; false once its process has ended. */
async function isReady({ pid, url }: Running): Promise<boolean> {
  const deadline = Date.now() + readyTimeoutMs
  let last: unknown
  while (isAlive(pid)) {
    try {
      await query(url, 'select 1')
      return true
    } catch (error) {
      last = error
    }
    if (Date.now() > deadline)
      throw new Error(`PostgreSQL (process ${pid}) does not answer: ${String(last)}`, { cause: last })
    await sleep(readyPollMs)
  }
  return false
}
