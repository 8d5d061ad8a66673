import type { ChildProcessByStdio } from 'node:child_process'
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import type { Readable, Writable } from 'node:stream'
import { HostError } from '#shared/clouds/onprem/gate.ts'
import { errorOf } from './errors.ts'

/** A virsh process at its prompt, connected to a daemon. */
export interface Session {
  /** Runs one line and gives what it printed. One at a time. @throws HostError if the process ends before its answer. */
  ask(line: string): Promise<Printed>
  /** It has ended, or has lost its daemon while nobody asked. */
  isOver(): boolean
  end(): void
}

export interface Printed {
  stdout: string
  stderr: string
}

/** @param exchange file descriptor that becomes the process's descriptor 3. */
export function startSession(options: {
  uri: string
  environment: Record<string, string>
  exchange: number
}): Session {
  const child = startVirsh(options)
  const mark = randomBytes(12).toString('hex')
  let printed: Printed = { stdout: '', stderr: '' }
  let asked = 0
  let over = false
  let failure: HostError | undefined
  let pending: { number: number; done: (answer?: Printed) => void } | undefined

  const look = () => {
    // At its prompt only the loss of the daemon makes the process complain.
    if (!pending) over ||= /^error: /m.test(printed.stderr)
    const answer = pending && answerIn(printed, mark, pending.number)
    if (!pending || !answer) return
    const { done } = pending
    pending = undefined
    printed = { stdout: '', stderr: '' }
    done(answer)
  }
  const die = () => {
    over = true
    pending?.done()
    pending = undefined
  }
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream].setEncoding('utf8').on('data', (text: string) => {
      printed[stream] += text
      look()
    })
  }
  child.on('error', (error) => {
    failure = startError(error)
    die()
  })
  child.on('close', die)
  hold(child, false)

  return {
    async ask(line) {
      const number = (asked += 1)
      const answer = await new Promise<Printed | undefined>((done) => {
        if (over) return done(undefined)
        pending = { number, done }
        hold(child, true)
        child.stdin.write(`${line}\n${signs(mark, number)}`)
      })
      hold(child, false)
      if (answer) return answer
      throw failure ?? errorOf(printed.stderr) ?? new HostError('connection_lost', 'virsh ended')
    },
    isOver: () => over,
    end() {
      over = true
      child.kill('SIGKILL')
    },
  }
}

/** The three streams are pipes whatever comes after them. */
type Virsh = ChildProcessByStdio<Writable, Readable, Readable>

function startVirsh({ uri, environment, exchange }: Parameters<typeof startSession>[0]): Virsh {
  const child = spawn('virsh', ['-q', '-k', '5', '-K', '3', '-c', uri], {
    stdio: ['pipe', 'pipe', 'pipe', exchange],
    // Untranslated words; no history, which would keep in a file what was typed; no colours.
    env: { ...process.env, ...environment, LC_ALL: 'C', VIRSH_HISTSIZE: '0', TERM: 'dumb' },
  }) as Virsh
  child.stdin.on('error', () => undefined)
  return child
}

/** A process at its prompt does not keep this one alive; it ends by itself when its input closes. */
function hold(child: Virsh, busy: boolean): void {
  const all: object[] = [child, child.stdin, child.stdout, child.stderr]
  for (const each of all) {
    const change = busy ? 'ref' : 'unref'
    const handle = each as Partial<Record<'ref' | 'unref', () => void>>
    handle[change]?.()
  }
}

const startError = (error: NodeJS.ErrnoException): HostError =>
  error.code === 'ENOENT'
    ? new HostError('hypervisor_missing', 'virsh is not on PATH', error)
    : new HostError(error.code ?? 'connection_lost', error.message, error)

/** Two lines that make virsh sign both outputs. The prompt echoes what is typed, so the sign is typed in two parts. */
const signs = (mark: string, number: number) => `echo --err ${mark}"${number}"\necho ${mark}"${number}"\n`

/** What lies between the echo of the line and that of the signs, once both outputs are signed. */
function answerIn({ stdout, stderr }: Printed, mark: string, number: number): Printed | undefined {
  const sign = `${mark}${number}`
  const complaints = stderr.indexOf(`error: ${sign}`)
  if (complaints < 0 || !stdout.includes(sign)) return undefined
  const start = stdout.indexOf('\n') + 1
  const stop = stdout.indexOf(`virsh # echo --err ${mark}`)
  return { stdout: stdout.slice(start, stop), stderr: stderr.slice(0, complaints) }
}
