import { connect, type Socket } from 'node:net'
import { HostError } from '#shared/clouds/onprem/gate.ts'
import { isErrno } from '#shared/services/process.ts'

/** A connection to a QEMU or qemu-storage-daemon, in command mode (QEMU's "QMP specification"). */
export interface QmpConnection {
  /** @throws HostError with QMP's error class and words; `connection_lost` if the answer did not come. */
  execute<T = unknown>(command: string, args?: object): Promise<T>
  /** Calls back for every event from now on. Returns how to stop that. */
  onEvent(listener: (event: QmpEvent) => void): () => void
  /** Resolves when the other side has hung up, or `close` was called. */
  readonly closed: Promise<void>
  close(): void
}

export interface QmpEvent {
  event: string
  data: Record<string, unknown>
}

/**
 * Connects to a monitor's socket. One serves one client at a time: a second one hears nothing until the first has left, so the greeting is
 * waited for no longer than `greetingTimeoutMs`.
 * @throws HostError `monitor_busy` without a greeting, `guest_not_running` if nobody listens there.
 */
export async function connectQmp(path: string, greetingTimeoutMs: number): Promise<QmpConnection> {
  const socket = await open(path)
  const connection = converse(socket)
  const timer = setTimeout(() => {
    socket.destroy(new HostError('monitor_busy', `no greeting from ${path} within ${greetingTimeoutMs} ms`))
  }, greetingTimeoutMs)
  try {
    await connection.greeted
    clearTimeout(timer)
    await connection.execute('qmp_capabilities')
    return connection
  } catch (error) {
    socket.destroy()
    throw error
  } finally {
    clearTimeout(timer)
  }
}

function open(path: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(path)
    socket.once('connect', () => resolve(socket))
    socket.once('error', (error) => {
      const nobody = isErrno(error, 'ENOENT') || isErrno(error, 'ECONNREFUSED')
      reject(nobody ? new HostError('guest_not_running', `nobody listens at ${path}`, error) : error)
    })
  })
}

interface Waiting {
  resolve(answer: unknown): void
  reject(error: Error): void
}

interface Message {
  QMP?: unknown
  event?: string
  data?: Record<string, unknown>
  return?: unknown
  error?: { class: string; desc: string }
  id?: number
}

function converse(socket: Socket): QmpConnection & { greeted: Promise<void> } {
  const waiting = new Map<number, Waiting>()
  const listeners = new Set<(event: QmpEvent) => void>()
  const greeted = Promise.withResolvers<void>()
  const closed = Promise.withResolvers<void>()
  greeted.promise.catch(() => undefined)
  let lastId = 0
  let reason: Error | undefined

  const lost = () => reason ?? new HostError('connection_lost', 'the hypervisor hung up')
  const take = (message: Message) => {
    if (message.QMP !== undefined) greeted.resolve()
    else if (message.event !== undefined) {
      for (const listener of listeners) listener({ event: message.event, data: message.data ?? {} })
    } else {
      const one = waiting.get(message.id ?? -1)
      waiting.delete(message.id ?? -1)
      if (message.error) one?.reject(new HostError(message.error.class, message.error.desc))
      else one?.resolve(message.return)
    }
  }
  eachLine(socket, (line) => take(JSON.parse(line) as Message))
  socket.on('error', (error) => (reason = error))
  socket.once('close', () => {
    for (const one of waiting.values()) one.reject(lost())
    waiting.clear()
    greeted.reject(lost())
    closed.resolve()
  })

  return {
    greeted: greeted.promise,
    closed: closed.promise,
    execute: <T>(command: string, args?: object) =>
      new Promise<T>((resolve, reject) => {
        if (socket.destroyed) {
          reject(lost())
          return
        }
        const id = (lastId += 1)
        waiting.set(id, { resolve: (answer) => resolve(answer as T), reject })
        socket.write(`${JSON.stringify({ execute: command, ...(args ? { arguments: args } : {}), id })}\n`)
      }),
    onEvent(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    close: () => socket.destroy(),
  }
}

/** What is no JSON is the end of the connection: after it nothing can be trusted. */
function eachLine(socket: Socket, take: (line: string) => void): void {
  let rest = ''
  socket.setEncoding('utf8')
  socket.on('data', (text: string) => {
    const lines = (rest + text).split('\n')
    rest = lines.pop() ?? ''
    try {
      for (const line of lines) if (line.trim() !== '') take(line)
      if (rest.length > longestAnswer) throw new Error(`more than ${longestAnswer} characters without an end`)
    } catch (error) {
      socket.destroy(
        new HostError('connection_lost', `the hypervisor did not speak QMP: ${String(error)}`, error),
      )
    }
  })
}

const longestAnswer = 64 * 2 ** 20
