import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { checkoutFolder } from '#shared/services/state.ts'
import { childEnv } from '#test/setup/child-env.ts'

/** A worker in a process of its own, as `npm run migration` starts it. */
export interface WorkerProcess {
  /** As it signs leases and user agents. */
  readonly id: string
  /** As it signs its statements to PostgreSQL. */
  readonly name: string
  readonly alive: boolean
  /** SIGKILL, and wait until it is gone. */
  kill(): Promise<void>
  /** SIGSTOP and SIGCONT. */
  pause(): void
  resume(): void
  /** SIGTERM. @returns its exit code. */
  terminate(): Promise<number | null>
  /** However it is, it ends: in good order (which keeps Node's compile cache for the next one) or not. */
  end(): Promise<void>
}

/** Starts a worker and waits until it takes work. `env` is all of its environment but the basics. */
export async function startWorker(env: Record<string, string>, name: string): Promise<WorkerProcess> {
  const child = spawn(process.execPath, [join(checkoutFolder, 'workers/main.ts')], {
    cwd: checkoutFolder,
    env: childEnv({ HOME: process.env['HOME'] ?? '', ...env }),
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  alive.add(child)
  const exited = new Promise<number | null>((resolve) => child.once('exit', (code) => resolve(code)))
  void exited.then(() => alive.delete(child))

  const lines = createInterface({ input: child.stdout })
  const id = await new Promise<string>((resolve, reject) => {
    lines.on('line', (line) => {
      const said = /^Worker (\S+) serves/.exec(line)?.[1]
      if (said) resolve(said)
      else if (line.startsWith('{')) console.log(line)
    })
    void exited.then((code) => reject(new Error(`the worker ended with ${code} before it was ready`)))
  })
  return {
    id,
    name,
    get alive() {
      return alive.has(child)
    },
    async kill() {
      child.kill('SIGKILL')
      await exited
    },
    pause: () => void child.kill('SIGSTOP'),
    resume: () => void child.kill('SIGCONT'),
    async terminate() {
      child.kill('SIGTERM')
      return exited
    },
    async end() {
      child.kill('SIGCONT')
      child.kill('SIGTERM')
      const timer = setTimeout(() => child.kill('SIGKILL'), 5_000)
      await exited
      clearTimeout(timer)
    },
  }
}

const alive = new Set<ReturnType<typeof spawn>>()
process.once('exit', () => {
  for (const child of alive) child.kill('SIGKILL')
})
