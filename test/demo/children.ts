import { spawn, type ChildProcess } from 'node:child_process'
import { createWriteStream, type WriteStream } from 'node:fs'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

/** The processes that the demo runs, ended together in reverse order. */
export interface Children {
  /**
   * Starts `node <script> <args>` and waits for the first line of its output that `ready` takes.
   * @throws Error with the end of its output when it exits first.
   */
  start<T>(
    name: string,
    command: string[],
    env: Record<string, string>,
    ready: (line: string) => T | undefined,
  ): Promise<T>
  stopAll(): Promise<void>
}

/** @param logPath where everything goes that the processes print. */
export function createChildren(logPath: string): Children {
  const log = createWriteStream(logPath)
  const running: ChildProcess[] = []
  return {
    async start(name, command, env, ready) {
      const child = spawn(process.execPath, command, {
        cwd: fileURLToPath(new URL('../../', import.meta.url)),
        env: { ...process.env, ...env },
        stdio: ['pipe', 'pipe', 'pipe'],
      })
      running.push(child)
      return untilReady(name, child, log, ready, logPath)
    },
    async stopAll() {
      for (const child of running.toReversed()) await stop(child)
      log.end()
    },
  }
}

function untilReady<T>(
  name: string,
  child: ChildProcess,
  log: WriteStream,
  ready: (line: string) => T | undefined,
  logPath: string,
): Promise<T> {
  const tail: string[] = []
  return new Promise((resolve, reject) => {
    for (const stream of [child.stdout, child.stderr]) {
      if (!stream) continue
      createInterface({ input: stream }).on('line', (line) => {
        log.write(`${name}: ${line}\n`)
        tail.push(line)
        if (tail.length > 12) tail.shift()
        const found = ready(line)
        if (found !== undefined) resolve(found)
      })
    }
    child.once('error', reject)
    child.once('exit', (code, signal) =>
      reject(
        new Error(
          `${name} ended (${signal ?? code}) before it was ready:\n${tail.join('\n')}\nAll of its output: ${logPath}`,
        ),
      ),
    )
  })
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  child.kill('SIGTERM')
  const killTimer = setTimeout(() => child.kill('SIGKILL'), 15_000)
  await ended
  clearTimeout(killTimer)
}
