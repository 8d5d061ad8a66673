import { constants } from 'node:os'
import { join } from 'node:path'
import { tryLock, waitForLock, type FileLock } from './lock.ts'
import { isAlive } from './process.ts'

const gateTimeoutMs = 120_000
const gateTimeoutAtExitMs = 500
const watchMs = 1000
const signalRepeatMs = 1000

/** A server process on this machine; `url` is how to reach it. */
export type Running = { pid: number; url: string }

/** What sharing needs to know of a server. `find`, `start` and `stop` are only ever called by one process at a time. */
export type LocalServer = {
  /** As people call it, for messages. */
  name: string
  /** Where the locks are; one folder is one server. */
  folder: string
  /** The server when it already runs, whoever started it. */
  find(): Promise<Running | undefined>
  start(): Promise<Running>
  /** Ends the server and returns once it is gone. */
  stop(running: Running): Promise<void>
  /** Asks the server to end, without waiting: all that is left to do when this process is about to exit. */
  stopSoon(running: Running): void
}

export type Share = {
  url: string
  pid(): number
  /** Gives the server up; returns once it is gone if this was its last user. */
  release(): Promise<void>
}

/**
 * Joins the server of a folder, starting it if it does not run. The processes that use it each hold a shared lock, which the kernel
 * drops when they end however they end; whoever leaves and can then take that lock alone was the last, and stops the server.
 * A server whose users were all killed is found again by the next one. One that dies under its users is started again by them.
 */
export async function shareServer(server: LocalServer, { restart = true } = {}): Promise<Share> {
  const usersPath = join(server.folder, 'users.lock')
  const joined = await alone(server, async () => {
    const lease = await waitForLock(usersPath, 'shared', gateTimeoutMs)
    try {
      return { lease, running: await findOrStart(server) }
    } catch (error) {
      lease.release()
      throw error
    }
  })
  const { lease } = joined
  let { running } = joined
  const { url } = running

  let mending: Promise<void> | undefined
  const watch = setInterval(() => {
    if (restart && !mending && !isAlive(running.pid)) mending = mend().finally(() => (mending = undefined))
  }, watchMs).unref()

  async function mend(): Promise<void> {
    try {
      running = await alone(server, () => findOrStart(server))
      process.emitWarning(
        `${server.name} had ended; it runs again${running.url === url ? '' : ', but on another port: restart this process'}.`,
      )
    } catch (error) {
      process.emitWarning(`${server.name} has ended and cannot be started again: ${String(error)}`)
    }
  }

  function leaveAtExit(): void {
    lease.release()
    const gate = tryLockFor(join(server.folder, 'gate.lock'), gateTimeoutAtExitMs)
    const last = gate && tryLock(usersPath, 'exclusive')
    if (last && isAlive(running.pid)) server.stopSoon(running)
    last?.release()
    gate?.release()
  }
  leaveAtTheEnd(leaveAtExit)

  return {
    url,
    pid: () => running.pid,
    async release() {
      if (!atExit.delete(leaveAtExit)) return
      clearInterval(watch)
      await mending
      await alone(server, async () => {
        lease.release()
        const last = tryLock(usersPath, 'exclusive')
        if (!last) return
        try {
          await server.stop((await server.find()) ?? running)
        } finally {
          last.release()
        }
      })
    },
  }
}

/** Runs `action` while no other process starts, stops or looks for this server. */
async function alone<T>(server: LocalServer, action: () => Promise<T>): Promise<T> {
  const gate = await waitForLock(join(server.folder, 'gate.lock'), 'exclusive', gateTimeoutMs)
  try {
    return await action()
  } finally {
    gate.release()
  }
}

async function findOrStart(server: LocalServer): Promise<Running> {
  return (await server.find()) ?? (await server.start())
}

const atExit = new Set<() => void>()
let isGuarded = false
let signalledMs = 0

/** Has this process leave its servers however it exits. */
function leaveAtTheEnd(leave: () => void): void {
  atExit.add(leave)
  if (isGuarded) return
  isGuarded = true
  process.on('exit', () => atExit.forEach((leaveNow) => leaveNow()))
  // First in line, so as to see who else handles the signal before a `once` takes itself off the list.
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.prependListener(name, endUnlessHandled)
}

/** What the system would do with a signal that the process does not handle (yet, or any more), but leaving the servers first. */
function endUnlessHandled(name: NodeJS.Signals): void {
  // Ctrl-C under npm can come twice at once, from the terminal and from npm: the second is no demand to cut a stop short.
  const isRepeated = Date.now() - signalledMs < signalRepeatMs
  signalledMs = Date.now()
  if (process.listenerCount(name) === 1 && !isRepeated) process.exit(128 + constants.signals[name])
}

/** Waits for a lock without yielding: in an exit handler nothing asynchronous runs any more. */
function tryLockFor(path: string, timeoutMs: number): FileLock | undefined {
  const deadline = Date.now() + timeoutMs
  for (;;) {
    const lock = tryLock(path, 'exclusive')
    if (lock || Date.now() > deadline) return lock
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20)
  }
}
