import { chownSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { HostError } from '#shared/clouds/onprem/gate.ts'
import type { HostSettings } from '#shared/clouds/onprem/settings.ts'
import { makeFolder } from '#shared/folders.ts'

/** User and group that guests and the programs that touch their disks run as. */
export interface RunAs {
  uid: number
  gid: number
}

/**
 * The folder of a host:
 * - `records/<kind>/<id>.json`: the provider's records; ours alone
 * - `machines/<uuid>/`: what a machine is; ours alone, but for `run/`, which its process writes to
 * - `locks/`: one file a machine, held while it is changed
 * - `s/`: sockets, with names so short that none is longer than the kernel allows
 * - `pools/default`: where volumes lie if the settings name no pools
 */
export interface HostLayout {
  readonly folder: string
  readonly records: string
  readonly machines: string
  readonly sockets: string
  readonly locks: string
  /** Filters of security groups. */
  readonly filters: string
  readonly pools: readonly { name: string; path: string }[]
  machine(id: string): MachinePaths
  /** Folder of a pool. @throws HostError `not_found` for one that the settings do not name. */
  pool(name: string): string
  /** A socket's path, for a name of ours of at most 24 characters. */
  socket(name: string): string
}

export interface MachinePaths {
  readonly folder: string
  /** What it is: see definition.ts. */
  readonly definition: string
  /** Held while its definition changes or its process is started. */
  readonly lock: string
  /** How its process was started; what a saved machine must be started like. */
  readonly launch: string
  /** Memory of a suspended one, and the same while it is being taken back. */
  readonly memory: string
  readonly memoryInUse: string
  /** Belongs to its process. */
  readonly run: string
  readonly pid: string
  readonly console: string
  readonly errors: string
  readonly firmwareVariables: string
  /** Two, because each serves one client at a time. */
  readonly monitors: readonly [string, string]
  readonly agent: string
  /** Where its memory comes and goes. */
  readonly migration: string
  /** Where its disks come in while it arrives from another host. */
  readonly arrival: string
  /** All of these. */
  readonly sockets: readonly string[]
}

/** Makes nothing. */
export function layoutOf(settings: Pick<HostSettings, 'name' | 'folder' | 'pools'>): HostLayout {
  const folder = settings.folder ?? ''
  const sockets = join(folder, 's')
  const locks = join(folder, 'locks')
  const pools = (settings.pools ?? [{ name: 'default' }]).map(({ name, path }) => ({
    name,
    path: path ?? join(folder, 'pools', name),
  }))
  const machines = join(folder, 'machines')
  return {
    folder,
    records: join(folder, 'records'),
    machines,
    sockets,
    locks,
    filters: join(folder, 'filters'),
    pools,
    machine: (id) =>
      machinePaths(join(machines, checkedId(id)), {
        lock: join(locks, id),
        socket: join(sockets, shortName(id)),
      }),
    pool(name) {
      const found = pools.find((pool) => pool.name === name)
      if (found) return found.path
      const known = pools.map((pool) => pool.name).join(', ')
      throw new HostError('not_found', `host ${settings.name} has no pool ${name}; it has ${known}`)
    },
    socket: (name) => join(sockets, name),
  }
}

/** Makes the folders of a host, those that guests use as theirs. @throws HostError `EACCES` if they cannot get there. */
export function makeFolders(layout: HostLayout, runAs: RunAs | undefined): void {
  for (const ours of [layout.folder, layout.records, layout.machines, layout.locks, layout.filters])
    makeFolder(ours, 0o711)
  for (const theirs of [layout.sockets, ...layout.pools.map(({ path }) => path)]) makeFolderFor(theirs, runAs)
  if (runAs) for (const { path } of layout.pools) assertReachable(path, runAs)
  if (runAs) assertReachable(layout.sockets, runAs)
}

/** Makes a folder that guests' processes write to, and nobody else but us. */
export function makeFolderFor(path: string, runAs: RunAs | undefined): void {
  makeFolder(dirname(path), 0o711)
  if (makeFolder(path, 0o700) !== undefined && runAs) chownSync(path, runAs.uid, runAs.gid)
}

function machinePaths(folder: string, { lock, socket }: { lock: string; socket: string }): MachinePaths {
  const run = join(folder, 'run')
  const [first, second, agent, migration, arrival] = [
    `${socket}.0`,
    `${socket}.1`,
    `${socket}.a`,
    `${socket}.m`,
    `${socket}.d`,
  ]
  return {
    folder,
    definition: join(folder, 'machine.json'),
    lock,
    launch: join(folder, 'launch.json'),
    memory: join(folder, 'memory'),
    memoryInUse: join(folder, 'memory-in-use'),
    run,
    pid: join(run, 'pid'),
    console: join(run, 'console'),
    errors: join(run, 'errors'),
    firmwareVariables: join(run, 'firmware-variables.fd'),
    monitors: [first, second],
    agent,
    migration,
    arrival,
    sockets: [first, second, agent, migration, arrival],
  }
}

const uuidPattern = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

function checkedId(id: string): string {
  if (uuidPattern.test(id)) return id
  throw new HostError(
    'invalid_request',
    `id: ${JSON.stringify(id)} is no machine's id (a UUID in lower case)`,
  )
}

/**
 * A socket's path may have 107 bytes (`sun_path` of unix(7) has 108 with its zero). A host's folder has at most 80, `/s/` has 3, and this 22
 * and a suffix of 2.
 */
const shortName = (id: string): string => Buffer.from(id.replaceAll('-', ''), 'hex').toString('base64url')

/** Every folder above must let the guests' user through. */
function assertReachable(path: string, { uid, gid }: RunAs): void {
  for (let folder = path; ; folder = dirname(folder)) {
    const facts = statSync(folder)
    const shift = facts.uid === uid ? 6 : facts.gid === gid ? 3 : 0
    if (((facts.mode >> shift) & 1) === 0)
      throw new HostError('EACCES', `the user ${uid}, which guests run as, may not enter ${folder}`)
    if (folder === dirname(folder)) return
  }
}
