import { spawn, type ChildProcess } from 'node:child_process'
import { HostError } from '#shared/clouds/onprem/gate.ts'
import type { QemuHost } from '#shared/clouds/onprem/qemu/base.ts'
import { findProgram, runProgram } from '#shared/clouds/onprem/qemu/process.ts'
import type { BlockSecret } from '#shared/clouds/onprem/qemu/volumes/graph.ts'
import { handOver } from '#shared/clouds/onprem/qemu/volumes/secrets.ts'

type Host = Pick<QemuHost, 'layout' | 'context' | 'runAs'>

/** A program of QEMU's that works on volumes; it ends when this process does, however that ends. */
export interface TiedProgram {
  program: string
  args: readonly string[]
  secrets?: readonly BlockSecret[]
  /** How many of the arguments come before those for the secrets: a subcommand. */
  before?: number
}

export interface TiedProcess {
  /** Resolves with what it said on standard error when it has ended. */
  ended: Promise<{ code: number | null; said: string }>
  isRunning(): boolean
  kill(signal: NodeJS.Signals): void
}

/** Starts it as the guests' user. Secrets are handed over as open files. */
export async function startTied(host: Host, wanted: TiedProgram): Promise<TiedProcess> {
  const { files, args: secretArgs } = await handOver(host, wanted.secrets ?? [])
  try {
    const { program, args: given, before = 0 } = wanted
    const [file, ...args] = await tie(program, [
      ...given.slice(0, before),
      ...secretArgs,
      ...given.slice(before),
    ])
    const child = spawn(file, args, {
      ...host.runAs,
      cwd: '/',
      env: { PATH: process.env['PATH'] ?? '', LC_ALL: 'C' },
      stdio: ['ignore', 'ignore', 'pipe', ...files.map((each) => each.fd)],
    })
    const started = new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve)
      child.once('error', (error) =>
        reject(new HostError('program_failed', `${wanted.program}: ${error.message}`, error)),
      )
    })
    const ended = endOf(child)
    await started
    return {
      ended,
      isRunning: () => child.exitCode === null && child.signalCode === null,
      kill: (signal) => void child.kill(signal),
    }
  } finally {
    await Promise.all(files.map((each) => each.close()))
  }
}

/** Runs it to its end. `signal` ends it. @returns what it said. @throws HostError `program_failed` with its complaint, `aborted`. */
export async function runTied(host: Host, wanted: TiedProgram, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted()
  const running = await startTied(host, wanted)
  const stop = () => running.kill('SIGKILL')
  signal.addEventListener('abort', stop, { once: true })
  const { code, said } = await running.ended
  signal.removeEventListener('abort', stop)
  if (code !== 0) throw failed(wanted.program, said)
}

export const failed = (program: string, said: string): HostError =>
  new HostError('program_failed', said === '' ? `${program} ended without a word` : said)

/** At most the last 4 KiB. */
async function endOf(child: ChildProcess): Promise<{ code: number | null; said: string }> {
  let said = ''
  child.stderr?.setEncoding('utf8')
  child.stderr?.on('data', (text: string) => (said = (said + text).slice(-4096)))
  return new Promise((resolve) => {
    child.once('close', (code) => resolve({ code, said: said.trim() }))
  })
}

/** The kernel sends it SIGTERM when we die, by which QEMU's programs close images in order. Where `setpriv` cannot ask for that, it goes on. */
async function tie(program: string, args: readonly string[]): Promise<[string, ...string[]]> {
  const path = await findProgram(program)
  const setpriv = await (knot ??= findKnot())
  return setpriv === undefined ? [path, ...args] : [setpriv, '--pdeathsig', 'TERM', '--', path, ...args]
}

let knot: Promise<string | undefined> | undefined

async function findKnot(): Promise<string | undefined> {
  try {
    const setpriv = await findProgram('setpriv')
    await runProgram(setpriv, ['--pdeathsig', 'TERM', '--', 'true'])
    return setpriv
  } catch {
    return undefined
  }
}
