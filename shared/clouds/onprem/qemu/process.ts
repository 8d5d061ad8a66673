import { execFile, spawn } from 'node:child_process'
import { constants } from 'node:fs'
import { access, open, readdir, readFile } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { HostError } from '#shared/clouds/onprem/gate.ts'
import type { RunAs } from '#shared/clouds/onprem/qemu/layout.ts'
import { isErrno, signal as sendSignal } from '#shared/services/process.ts'

/** A process, told apart from a later one with the same number by when it started (clock ticks since boot, proc(5)). */
export interface ProcessId {
  pid: number
  startedTicks: string
}

/**
 * Options of QEMU that let it make no system calls but those a guest needs: no programs, no other user, no priorities. Not together with
 * `-daemonize` or `-runas`, which need what it denies.
 */
export const sandbox: readonly string[] = [
  '-sandbox',
  'on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny',
]

/** Path of a program. @throws HostError `hypervisor_missing` naming it. */
export async function findProgram(name: string, path = process.env['PATH'] ?? ''): Promise<string> {
  for (const folder of path.split(delimiter)) {
    const file = join(folder || '.', name)
    if (
      await access(file, constants.X_OK).then(
        () => true,
        () => false,
      )
    )
      return file
  }
  throw new HostError('hypervisor_missing', `${name} is not on PATH`)
}

/** Who guests run as: the settings' user (default nobody) when we are root, else we ourselves. */
export const guestUser = (wanted: RunAs | undefined): RunAs | undefined =>
  process.getuid?.() === 0 ? (wanted ?? { uid: 65534, gid: 65534 }) : undefined

/**
 * Runs a program to its end. `signal` kills it.
 * @throws HostError `program_failed` with what it said, `aborted`, or `hypervisor_missing`.
 */
export function runProgram(
  program: string,
  args: readonly string[],
  {
    runAs,
    signal,
    input,
    cwd = '/',
  }: { runAs?: RunAs | undefined; signal?: AbortSignal; input?: string; cwd?: string } = {},
): Promise<{ stdout: string; stderr: string }> {
  return new Promise((resolve, reject) => {
    const child = execFile(
      program,
      args,
      {
        ...runAs,
        cwd,
        env: environment(),
        maxBuffer: 64 * 2 ** 20,
        killSignal: 'SIGKILL',
        ...(signal ? { signal } : {}),
      },
      (error, stdout, stderr) => {
        if (!error) resolve({ stdout, stderr })
        else reject(failure(program, error, stderr))
      },
    )
    child.stdin?.on('error', () => undefined)
    child.stdin?.end(input ?? '')
  })
}

/**
 * Starts a program that outlives this process and gets no signals of its terminal; what it says goes to `logPath`, which is emptied first.
 * @returns its number, and a promise of its end that holds nobody up.
 */
export async function startDetached(
  program: string,
  args: readonly string[],
  {
    runAs,
    logPath,
    inherit = [],
  }: { runAs?: RunAs | undefined; logPath: string; inherit?: readonly number[] },
): Promise<{ pid: number; ended: Promise<{ code: number | null; signal: NodeJS.Signals | null }> }> {
  const log = await open(
    logPath,
    constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_NOFOLLOW,
    0o600,
  )
  try {
    const child = spawn(program, args, {
      ...runAs,
      cwd: '/',
      env: environment(),
      detached: true,
      stdio: ['ignore', log.fd, log.fd, ...inherit],
    })
    const ended = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve) => {
      child.once('exit', (code, endedBy) => resolve({ code, signal: endedBy }))
    })
    await new Promise((resolve, reject) => {
      child.once('spawn', resolve)
      child.once('error', (error) => reject(failure(program, error, '')))
    })
    child.unref()
    if (child.pid === undefined) throw new HostError('program_failed', `${program} has no process id`)
    return { pid: child.pid, ended }
  } finally {
    await log.close()
  }
}

/**
 * The process with a number; undefined if there is none, or only a zombie that nobody has buried. One whose first thread is a zombie while
 * others still end is there: until the last has ended it holds its files, and the locks on them.
 */
export async function processOf(pid: number): Promise<ProcessId | undefined> {
  const stat = await readProc(pid, 'stat')
  if (stat === undefined) return undefined
  // The name in brackets may hold anything; fields are counted from behind it: state is the 3rd field, start time the 22nd.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const startedTicks = fields[19]
  if (startedTicks === undefined || fields[0] === 'X') return undefined
  if (fields[0] === 'Z' && !(await hasOtherThreads(pid))) return undefined
  return { pid, startedTicks }
}

const hasOtherThreads = (pid: number): Promise<boolean> =>
  readdir(`/proc/${pid}/task`).then(
    (threads) => threads.length > 1,
    () => false,
  )

/** Its arguments, first the program's path. */
export async function argumentsOf(pid: number): Promise<string[]> {
  const text = await readProc(pid, 'cmdline')
  return text === undefined ? [] : text.split('\0').slice(0, -1)
}

export async function isSame(wanted: ProcessId): Promise<boolean> {
  const found = await processOf(wanted.pid)
  return found?.startedTicks === wanted.startedTicks
}

/** Sends SIGKILL, if it is still that process, and waits for its end. @throws HostError `timeout` if it does not end. */
export async function killProcess(wanted: ProcessId, timeoutMs = 10_000): Promise<void> {
  if (!(await isSame(wanted))) return
  sendSignal(wanted.pid, 'SIGKILL')
  if (!(await waitForEnd(wanted, timeoutMs)))
    throw new HostError('timeout', `process ${wanted.pid} does not end, not even by SIGKILL`)
}

/** False when it still runs after `timeoutMs`. */
export async function waitForEnd(
  wanted: ProcessId,
  timeoutMs: number,
  signal?: AbortSignal,
): Promise<boolean> {
  const untilMs = performance.now() + timeoutMs
  for (let delayMs = 1; await isSame(wanted); delayMs = Math.min(20, delayMs * 2)) {
    if (performance.now() > untilMs) return false
    await sleep(delayMs, undefined, signal ? { signal } : {})
  }
  return true
}

/** CPU time used and memory held. */
export async function usageOf(
  pid: number,
): Promise<{ cpuTimeMs: number; residentBytes: number } | undefined> {
  const stat = await readProc(pid, 'stat')
  if (stat === undefined) return undefined
  const fields = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number)
  const [userTicks = 0, systemTicks = 0] = [fields[11], fields[12]]
  const pages = fields[21] ?? 0
  // USER_HZ, which proc(5) counts in, is 100 on every architecture that NovaCron runs on; pages are the kernel's 4 KiB.
  return { cpuTimeMs: (userTicks + systemTicks) * 10, residentBytes: pages * 4096 }
}

async function readProc(pid: number, file: string): Promise<string | undefined> {
  try {
    return await readFile(`/proc/${pid}/${file}`, 'latin1')
  } catch (error) {
    if (isErrno(error, 'ENOENT') || isErrno(error, 'ESRCH')) return undefined
    throw error
  }
}

/** Nothing of ours that a program has no business with: registrations' secrets may be in the environment. */
const environment = (): NodeJS.ProcessEnv => ({ PATH: process.env['PATH'] ?? '', LC_ALL: 'C' })

function failure(program: string, error: Error, stderr: string): HostError {
  const name = program.slice(program.lastIndexOf('/') + 1)
  if (error.name === 'AbortError') return new HostError('aborted', `${name} was given up`, error)
  if (isErrno(error, 'ENOENT')) return new HostError('hypervisor_missing', `${program} is not there`, error)
  const said = stderr.trim().split('\n').slice(-8).join('\n')
  return new HostError('program_failed', said === '' ? `${name}: ${error.message}` : said, error)
}
