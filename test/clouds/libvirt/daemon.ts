import { spawn, type ChildProcess } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { openVirsh, type Virsh } from '#shared/clouds/onprem/libvirt/virsh.ts'
import { keepCapabilities, recallCapabilities } from './capability-cache.ts'
import { findLibvirt } from './find.ts'
import { endProcessesOf, processesOf } from './processes.ts'
import { pidBehind, reaped } from './reaper.ts'

export { findLibvirt } from './find.ts'

/** A libvirt daemon of a test's own. */
export interface LibvirtDaemon {
  uri: string
  /** Everything of the daemon lies below it: sockets, logs, definitions. */
  folder: string
  /** Name and folder of a storage pool of type dir that is there and started. */
  pool: string
  poolPath: string
  /** Of the environment that it runs in: `HOME`, `XDG_RUNTIME_DIR` …; a client that is to find its socket by itself needs them. */
  environment: Record<string, string>
  /** Who it and its guests run as; undefined: as this process. */
  user: { uid: number; gid: number } | undefined
  /** For tests that kill it. */
  libvirtdPid(): number
  /** Stops the daemon and starts it anew, as an update of libvirt does; guests go on. */
  restart(): Promise<void>
  /** Ends guests, daemon and log daemon and deletes the folder. @throws Error naming each process that had to be killed after its guests were ended in good order. */
  close(): Promise<void>
}

/** Starts a private daemon in session mode, as `nobody` where this process is root. @throws Error if libvirt is missing: ask `findLibvirt` first. */
export async function startLibvirtDaemon(): Promise<LibvirtDaemon> {
  const programs = findLibvirt()
  if ('reason' in programs) throw new Error(programs.reason)
  const user = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : undefined
  // Short: the path of a socket below it must stay under 108 bytes.
  const folder = mkdtempSync(join(tmpdir(), 'nclv-'))
  const environment = layOut(folder, user)
  const reaper = reaped(programs.libvirtd, ['--timeout', '120'])
  const start = () => ({
    virtlogd: run(programs.virtlogd, ['--timeout', '120'], { folder, user, environment }),
    libvirtd: run(reaper.program, reaper.words, { folder, user, environment }),
  })
  recallCapabilities(folder, user)
  let daemons = start()
  const socket = join(folder, 'run/libvirt/libvirt-sock')
  const uri = `qemu:///session?socket=${socket}`
  const virsh = openVirsh({ uri, sessions: 1 })
  try {
    await answers(virsh, socket)
    await makePool(virsh, join(folder, 'pool'))
  } catch (error) {
    await endProcessesOf(folder)
    throw error
  }
  keepCapabilities(folder)

  return {
    uri,
    folder,
    pool: poolName,
    poolPath: join(folder, 'pool'),
    environment,
    user,
    libvirtdPid: () => pidBehind(daemons.libvirtd.pid ?? 0),
    async restart() {
      await stop(daemons.libvirtd)
      await stop(daemons.virtlogd)
      daemons = start()
      await answers(virsh, socket)
    },
    async close() {
      await endGuests(virsh).catch(() => undefined)
      virsh.close()
      await stop(daemons.libvirtd)
      await stop(daemons.virtlogd)
      // When ours has ended, idle, the daemon starts a log daemon of its own.
      const left = processesOf(folder).filter(({ command }) => !/\bvirtlogd\b/.test(command))
      await endProcessesOf(folder)
      rmSync(folder, { recursive: true, force: true })
      if (left.length > 0)
        throw new Error(
          `libvirt left processes: ${left.map(({ command }) => command.slice(0, 200)).join('; ')}`,
        )
    },
  }
}

const poolName = 'default'

function layOut(folder: string, user: LibvirtDaemon['user']): Record<string, string> {
  chmodSync(folder, 0o711)
  const own = (name: string) => {
    const path = join(folder, name)
    mkdirSync(path)
    if (user) chownSync(path, user.uid, user.gid)
    return path
  }
  own('pool')
  // Two daemons on one machine are two hosts to each other, so that a guest can move between them.
  const config = own('config')
  own('config/libvirt')
  writeFileSync(join(config, 'libvirt/libvirtd.conf'), `host_uuid = "${randomUUID()}"\n`)
  return {
    HOME: own('home'),
    XDG_RUNTIME_DIR: own('run'),
    XDG_CONFIG_HOME: config,
    XDG_CACHE_HOME: own('cache'),
    XDG_DATA_HOME: own('data'),
  }
}

function run(
  program: string,
  words: string[],
  { folder, user, environment }: Pick<LibvirtDaemon, 'folder' | 'user' | 'environment'>,
): ChildProcess {
  const log = openSync(join(folder, 'daemons.log'), 'a')
  const child = spawn(program, words, {
    ...user,
    cwd: folder,
    // A folder of this machine's user is not for the daemon.
    env: { PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`, LC_ALL: 'C', ...environment },
    stdio: ['ignore', log, log],
  })
  child.unref()
  return child
}

/** Its socket is there in 0.1 s, its first answer takes up to 9 s while it asks QEMU what it can do. */
async function answers(virsh: Virsh, socket: string): Promise<void> {
  for (let attempt = 0; attempt < 400 && !existsSync(socket); attempt++) await sleep(50)
  for (let attempt = 1; ; attempt++) {
    try {
      await virsh.run(['version'], AbortSignal.timeout(60_000))
      return
    } catch (error) {
      if (attempt === 20) throw error
      await sleep(100)
    }
  }
}

async function makePool(virsh: Virsh, path: string): Promise<void> {
  await virsh.run(['pool-define-as', poolName, 'dir', '--target', path])
  await virsh.run(['pool-start', poolName])
  await virsh.run(['pool-autostart', poolName])
}

async function endGuests(virsh: Virsh): Promise<void> {
  const { text } = await virsh.run(['list', '--uuid'], AbortSignal.timeout(10_000))
  for (const uuid of text.split('\n').filter(Boolean))
    await virsh.run(['destroy', uuid.trim()], AbortSignal.timeout(10_000)).catch(() => undefined)
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGTERM')
  const late = setTimeout(() => child.kill('SIGKILL'), 10_000)
  await ended
  clearTimeout(late)
}

/** For tests that say what the daemon complained of. */
export const daemonLog = (folder: string): string => readFileSync(join(folder, 'daemons.log'), 'utf8')
