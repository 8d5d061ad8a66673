import { execFileSync, spawn } from 'node:child_process'
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, renameSync, statSync } from 'node:fs'
import { createServer } from 'node:net'
import { dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

const pollMs = 10
const logLimitBytes = 10 * 2 ** 20

export type DetachedOptions = {
  cwd: string
  env: Record<string, string>
  logPath: string
  /** Run as this user instead of the current one; only root may ask for it. */
  as?: { uid: number; gid: number } | undefined
}

/**
 * Starts a program that outlives this process and gets none of its terminal's signals; its output goes to the log file.
 * @returns its process id.
 * @throws Error when the program cannot be started at all.
 */
export async function spawnDetached(
  program: string,
  args: string[],
  options: DetachedOptions,
): Promise<number> {
  mkdirSync(dirname(options.logPath), { recursive: true })
  keepLogSmall(options.logPath)
  const log = openSync(options.logPath, 'a', 0o600)
  try {
    const child = spawn(program, args, {
      detached: true,
      stdio: ['ignore', log, log],
      cwd: options.cwd,
      env: options.env,
      ...options.as,
    })
    await new Promise((resolve, reject) => child.once('spawn', resolve).once('error', reject))
    child.unref()
    if (child.pid === undefined) throw new Error(`${program} has no process id.`)
    return child.pid
  } finally {
    closeSync(log)
  }
}

/** Whether a process runs. A zombie does not: it only waits to be buried, which in some containers nobody does. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
  } catch (error) {
    return isErrno(error, 'EPERM')
  }
  const state = /\) (\S)/.exec(readIfThere(`/proc/${pid}/stat`) ?? '')?.[1]
  return state !== 'Z' && state !== 'X'
}

/** The command line of a process, undefined when there is none such. */
export function commandOf(pid: number): string | undefined {
  if (existsSync('/proc/self/cmdline'))
    return readIfThere(`/proc/${pid}/cmdline`)?.replaceAll('\0', ' ').trim()
  try {
    return execFileSync('ps', ['-o', 'command=', '-p', String(pid)], { encoding: 'utf8' }).trim()
  } catch {
    return undefined
  }
}

/** Sends a signal; a process that is already gone is no error. */
export function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name)
  } catch (error) {
    if (!isErrno(error, 'ESRCH')) throw error
  }
}

/** Waits until a process has ended; false when it still runs after `timeoutMs`. */
export async function waitForEnd(pid: number, timeoutMs: number): Promise<boolean> {
  const deadline = Date.now() + timeoutMs
  while (isAlive(pid)) {
    if (Date.now() > deadline) return false
    await sleep(pollMs)
  }
  return true
}

/** Ends a process with the gentlest of `signals` that works, giving each of them `graceMs`; the last resort is SIGKILL. */
export async function endProcess(pid: number, signals: NodeJS.Signals[], graceMs: number): Promise<void> {
  for (const name of [...signals, 'SIGKILL' as const]) {
    signal(pid, name)
    if (await waitForEnd(pid, graceMs)) return
  }
  throw new Error(`Process ${pid} does not end, not even by SIGKILL.`)
}

/** Finds a loopback port that is free now: `wanted` when given and free, else any. */
export async function freePort(wanted = 0): Promise<number> {
  const server = createServer()
  try {
    return await new Promise<number>((resolve, reject) => {
      server.once('error', reject)
      server.listen({ port: wanted, host: '127.0.0.1', exclusive: true }, () => {
        const address = server.address()
        if (address === null || typeof address === 'string')
          reject(new Error('No port in the address of a TCP server.'))
        else resolve(address.port)
      })
    })
  } catch (error) {
    if (wanted !== 0 && isErrno(error, 'EADDRINUSE')) return await freePort()
    throw error
  } finally {
    server.close()
  }
}

/** The last lines of a log, for an error message. */
export function tailOf(path: string, lines = 8): string {
  return (readIfThere(path) ?? '').trimEnd().split('\n').slice(-lines).join('\n')
}

export function isErrno(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code
}

export function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    // ESRCH: a process that ends while its entry under /proc is read.
    if (isErrno(error, 'ENOENT') || isErrno(error, 'ESRCH')) return undefined
    throw error
  }
}

function keepLogSmall(path: string): void {
  if (existsSync(path) && statSync(path).size > logLimitBytes) renameSync(path, `${path}.1`)
}
