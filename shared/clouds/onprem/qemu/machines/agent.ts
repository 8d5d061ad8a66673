import { connect, type Socket } from 'node:net'
import { HostError } from '#shared/clouds/onprem/gate.ts'
import type { QemuHost } from '#shared/clouds/onprem/qemu/base.ts'

/** A guest's agent that answered; commands of QEMU's "Guest Agent Protocol Reference". */
export interface GuestAgent {
  /** @throws HostError with the agent's class and words; `guest_silent` after `timeoutMs`. */
  execute<T = unknown>(command: string, args?: object, timeoutMs?: number): Promise<T>
  /** For commands that are not answered when they work (`guest-shutdown`). */
  send(command: string, args?: object): Promise<void>
}

/** Runs `work` with a machine's guest agent; undefined, and nothing done, if none listens there or it does not answer within a second. */
export async function withAgent<T>(
  host: QemuHost,
  id: string,
  work: (agent: GuestAgent) => Promise<T>,
): Promise<T | undefined> {
  if (!(await hasAgent(host, id))) return undefined
  const socket = await host
    .gate({ operation: 'guest-sync-delimited', mutating: false, resource: id }, () =>
      greet(host.layout.machine(id).agent),
    )
    .catch(() => undefined)
  if (!socket) return undefined
  const gated = <R>(command: string, send: () => Promise<R>) =>
    host.gate({ operation: command, mutating: !isReading(command), resource: id }, send)
  try {
    return await work({
      execute: (command, args, timeoutMs = 10_000) =>
        gated(command, () => ask(socket, { execute: command, arguments: args }, timeoutMs)),
      send: (command, args) =>
        gated(command, async () => {
          socket.write(`${JSON.stringify({ execute: command, arguments: args })}\n`)
          await stay(socket)
        }),
    })
  } finally {
    socket.destroy()
  }
}

const isReading = (command: string): boolean => command.startsWith('guest-get-') || command.includes('-get-')

/** The virtio port tells whether a program in the guest has it open, so that a guest without one costs no waiting. */
export async function hasAgent(host: QemuHost, id: string): Promise<boolean> {
  const devices = await host.monitor(id, (monitor) =>
    monitor.execute<{ label: string; 'frontend-open': boolean }[]>('query-chardev'),
  )
  return devices.some((device) => device.label === 'agent' && device['frontend-open'])
}

/** QEMU drops what it has not passed on when its client hangs up: stays until the guest says or ends something, or for a second. */
function stay(socket: Socket): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const leave = () => resolve()
  const timer = setTimeout(leave, 1_000)
  socket.once('data', leave).once('close', leave)
  return promise.finally(() => {
    clearTimeout(timer)
    socket.off('data', leave).off('close', leave)
  })
}

/** Throws away what an earlier client left in the channel: after the mark 0xFF comes the answer to this very request. */
async function greet(path: string): Promise<Socket> {
  const socket = await new Promise<Socket>((resolve, reject) => {
    const opening = connect(path)
    opening.once('connect', () => resolve(opening))
    opening.once('error', reject)
  })
  socket.on('error', () => undefined)
  try {
    const mark = Math.floor(Math.random() * 2 ** 31)
    socket.write(Buffer.from([0xff]))
    const answer = await ask<number>(
      socket,
      { execute: 'guest-sync-delimited', arguments: { id: mark } },
      1_000,
      { marked: true },
    )
    if (answer !== mark) throw new HostError('guest_silent', 'the guest agent answers something else')
    return socket
  } catch (error) {
    socket.destroy()
    throw error
  }
}

/** @param marked the answer comes behind the mark; what is before it, such as the agent's complaint of our own mark, is no answer. */
function ask<T>(
  socket: Socket,
  request: object,
  timeoutMs: number,
  { marked = false }: { marked?: boolean } = {},
): Promise<T> {
  return new Promise((resolve, reject) => {
    let heard = ''
    const settle = (finish: () => void) => {
      clearTimeout(timer)
      socket.off('data', hear).off('close', cut)
      finish()
    }
    const cut = () => settle(() => reject(new HostError('guest_silent', 'the guest agent hung up')))
    const hear = (bytes: Buffer) => {
      heard = (heard + bytes.toString('latin1')).slice(-longestAnswer)
      const line = heard.slice(heard.lastIndexOf('\xff') + 1)
      if (marked && line.length === heard.length) return
      if (!line.includes('\n')) return
      settle(() => {
        try {
          resolve(answerOf(line) as T)
        } catch (error) {
          reject(error instanceof HostError ? error : new HostError('guest_silent', String(error)))
        }
      })
    }
    const timer = setTimeout(
      () =>
        settle(() =>
          reject(new HostError('guest_silent', `no answer from the guest agent in ${timeoutMs} ms`)),
        ),
      timeoutMs,
    )
    socket.on('data', hear).once('close', cut)
    socket.write(`${JSON.stringify(request)}\n`)
  })
}

function answerOf(line: string): unknown {
  const text = Buffer.from(line.slice(0, line.indexOf('\n')), 'latin1').toString()
  const answer = JSON.parse(text) as { return?: unknown; error?: { class: string; desc: string } }
  if (answer.error) throw new HostError(answer.error.class, answer.error.desc)
  return answer.return
}

/** What a guest says is not to be trusted, not even to end. */
const longestAnswer = 4 * 2 ** 20
