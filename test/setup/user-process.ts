import { spawn, type ChildProcess } from 'node:child_process'
import { createInterface } from 'node:readline'
import { onTestFinished } from 'vitest'
import { checkoutFolder } from '#shared/services/state.ts'

export type UserProcess = {
  /** What the process said when it was ready. */
  said: { url: string; pid: number }
  /** Lets it leave in good order. */
  leave(): Promise<void>
  /** Ends it by a signal; the exit status that it had. */
  end(signal: NodeJS.Signals): Promise<number | null>
  /** SIGKILL: it leaves without a word. */
  kill(): Promise<void>
}

/** Starts a process that uses a local server: `open` is a program text that gives `share`, the folder is its only argument. */
export async function startUser(open: string, folder: string): Promise<UserProcess> {
  const program = `${open}
    console.log(JSON.stringify({ url: share.url, pid: share.pid() }))
    process.stdin.once('end', () => share.release()).resume()`
  const child = spawn(process.execPath, ['--input-type=module', '-e', program, folder], {
    cwd: checkoutFolder,
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  return {
    said: await firstWords(child),
    async leave() {
      child.stdin.end()
      await ended
    },
    async end(signal) {
      child.kill(signal)
      await ended
      return child.exitCode
    },
    async kill() {
      child.kill('SIGKILL')
      await ended
    },
  }
}

async function firstWords(child: ChildProcess): Promise<{ url: string; pid: number }> {
  if (!child.stdout) throw new Error('The process has no output to read.')
  for await (const line of createInterface({ input: child.stdout })) {
    const said: unknown = JSON.parse(line)
    if (typeof said === 'object' && said !== null && 'url' in said && 'pid' in said) {
      return { url: String(said.url), pid: Number(said.pid) }
    }
  }
  throw new Error('The process ended before it was ready.')
}
