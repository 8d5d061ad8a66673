import { connect as dial, type Socket } from 'node:net'
import { brokenProtocol, connectionLost } from '#shared/disks/nbd/errors.ts'
import { createFiller } from '#shared/disks/nbd/fill.ts'
import { negotiate, type NbdExport } from '#shared/disks/nbd/handshake.ts'
import { commandFlags, commands, encodeRequest } from '#shared/disks/nbd/protocol.ts'
import { readReplies, type Pending } from '#shared/disks/nbd/replies.ts'

/** Where a server listens. */
export type NbdAddress = { path: string } | { host: string; port: number }

export interface NbdConnect {
  address: NbdAddress
  /** Name of the export; a server's default one is the empty name. */
  exportName?: string
  /** Metadata contexts to ask for: `base:allocation`, `qemu:dirty-bitmap:<name>`, `qemu:allocation-depth`. */
  contexts?: readonly string[]
  /** Ends the attempt. */
  signal?: AbortSignal
}

/** A run of bytes with the flags that a context gives it. */
export interface StatusExtent {
  length: number
  flags: number
}

/**
 * One connection to an export. Any number of requests may be under way. Lengths are at most `facts.maxBlockBytes`, except for `writeZeroes`,
 * `trim` and `blockStatus` (below 4 GiB). All reject with DiskError (`connection_lost` once the connection is gone) or with the signal's reason.
 */
export interface NbdClient {
  readonly facts: NbdExport
  /** Fills `target`. After an abort nothing is written to it any more. */
  read(offset: number, target: Buffer, signal?: AbortSignal): Promise<void>
  /** An abort closes the connection, so that the bytes cannot arrive later. */
  write(offset: number, data: Buffer, options?: WriteOptions): Promise<void>
  writeZeroes(offset: number, length: number, options?: WriteOptions): Promise<void>
  trim(offset: number, length: number, signal?: AbortSignal): Promise<void>
  /** Makes durable what was replied to before. */
  flush(signal?: AbortSignal): Promise<void>
  /** What each context says from `offset` on: at least one extent; the last may end before or beyond the asked length. */
  blockStatus(offset: number, length: number, signal?: AbortSignal): Promise<Map<string, StatusExtent[]>>
  /** Tells the server and resolves when the connection is closed. What is under way fails. */
  close(): Promise<void>
}

export interface WriteOptions {
  /** Resolve only when the bytes are durable. */
  fua?: boolean
  signal?: AbortSignal
}

/** Connects and negotiates. @throws DiskError `connection_lost`, `protocol`, `unsupported`, `not_found`; or the signal's reason. */
export async function connectNbd(request: NbdConnect): Promise<NbdClient> {
  const { address, exportName = '', contexts = [], signal } = request
  signal?.throwIfAborted()
  const server = 'path' in address ? address.path : `${address.host}:${address.port}`
  const line = openLine(address, server)
  const stop = (): void => line.end(signal?.reason)
  signal?.addEventListener('abort', stop, { once: true })
  try {
    const exchange = { send: line.send, receive: line.receive }
    const facts = await negotiate(exchange, { server, exportName, contexts })
    return createClient(line, facts, server)
  } catch (error) {
    line.end(error)
    await line.closed
    throw error
  } finally {
    signal?.removeEventListener('abort', stop)
  }
}

/** A socket whose bytes go into buffers that wait for them. */
interface Line {
  filler: ReturnType<typeof createFiller>
  send(...parts: Buffer[]): void
  receive(lengthBytes: number): Promise<Buffer>
  /** Why there is no connection any more. */
  failure(): unknown
  onEnd(then: (reason: unknown) => void): void
  end(reason: unknown): void
  closed: Promise<void>
}

/** Larger reads from the socket than Node's 64 KiB, into one buffer over and over: 1.5 times the throughput. */
const socketReadBytes = 512 << 10

function openLine(address: NbdAddress, server: string): Line {
  const filler = createFiller()
  const listeners: ((reason: unknown) => void)[] = []
  const { promise: closed, resolve: onClosed } = Promise.withResolvers<void>()
  let gone: { reason: unknown } | undefined

  const socket: Socket = dial({
    ...address,
    noDelay: true,
    onread: {
      buffer: Buffer.allocUnsafe(socketReadBytes),
      callback: (length, memory) => {
        filler.push(Buffer.from(memory.buffer, memory.byteOffset, length))
        return true
      },
    },
  })
  const end = (reason: unknown): void => {
    gone ??= { reason }
    socket.destroy()
    for (const listener of listeners.splice(0)) listener(gone.reason)
  }
  socket.on('error', (error) => end(connectionLost(server, error.message, error)))
  socket.on('end', () => end(connectionLost(server, 'the server closed it')))
  socket.on('close', () => {
    end(connectionLost(server, 'it was closed'))
    onClosed()
  })

  return {
    filler,
    send(...parts) {
      socket.cork()
      for (const part of parts) socket.write(part)
      socket.uncork()
    },
    receive: (lengthBytes) =>
      new Promise((resolve, reject) => {
        if (gone) throw gone.reason as Error
        listeners.push(reject)
        const bytes = Buffer.alloc(lengthBytes)
        filler.fill(bytes, () => resolve(bytes))
      }),
    failure: () => gone?.reason,
    onEnd: (then) => void (gone ? then(gone.reason) : listeners.push(then)),
    end,
    closed,
  }
}

function createClient(line: Line, facts: NbdExport, server: string): NbdClient {
  const waiting = new Map<number, Pending>()
  let cookies = 0
  line.onEnd((reason) => {
    const lost = [...waiting.values()]
    waiting.clear()
    for (const request of lost) request.settle(reason as Error)
  })
  readReplies({
    filler: line.filler,
    server,
    take: (cookie) => waiting.get(cookie),
    drop: (cookie) => waiting.delete(cookie),
    broken: line.end,
  })

  const ask = (command: number, what: string, offset: number, length: number, more: Asking = {}) =>
    new Promise<void>((resolve, reject) => {
      const { signal, data, flags, target, onStatus } = more
      signal?.throwIfAborted()
      const gone = line.failure()
      if (gone !== undefined) throw gone as Error
      const cookie = (cookies += 1)
      const giveUp = (): void => {
        reject(signal?.reason as Error)
        // The reply will still come, and must not go where the caller may have something else by then.
        if (target) {
          line.filler.divert(target)
          request.target = Buffer.allocUnsafe(target.length)
        }
        if (data || command === commands.writeZeroes || command === commands.trim)
          line.end(connectionLost(server, 'it was closed in the midst of a write that was given up'))
      }
      const request: Pending = {
        what,
        offset,
        length,
        received: 0,
        ...(target && { target }),
        ...(onStatus && { onStatus }),
        settle(failure) {
          signal?.removeEventListener('abort', giveUp)
          if (failure) reject(failure)
          else resolve()
        },
      }
      waiting.set(cookie, request)
      signal?.addEventListener('abort', giveUp, { once: true })
      const head = encodeRequest({ command, cookie, offset, length, ...(flags && { flags }) })
      line.send(head, ...(data ? [data] : []))
    })
  const written = ({ fua, signal }: WriteOptions = {}): Asking => ({
    ...(fua && { flags: commandFlags.fua }),
    ...(signal && { signal }),
  })

  return {
    facts,
    read: (offset, target, signal) =>
      ask(commands.read, `read ${target.length} bytes at ${offset}`, offset, target.length, {
        target,
        ...(signal && { signal }),
      }),
    write: (offset, data, options) =>
      ask(commands.write, `write ${data.length} bytes at ${offset}`, offset, data.length, {
        data,
        ...written(options),
      }),
    writeZeroes: (offset, length, options) =>
      ask(commands.writeZeroes, `zero ${length} bytes at ${offset}`, offset, length, written(options)),
    trim: (offset, length, signal) =>
      ask(commands.trim, `trim ${length} bytes at ${offset}`, offset, length, signal ? { signal } : {}),
    flush: (signal) => ask(commands.flush, 'flush', 0, 0, signal ? { signal } : {}),
    async blockStatus(offset, length, signal) {
      const found = new Map<string, StatusExtent[]>()
      const what = `tell the status of ${length} bytes at ${offset}`
      await ask(commands.blockStatus, what, offset, length, {
        ...(signal && { signal }),
        onStatus: (context, descriptors) => {
          const name = facts.contexts.get(context)
          if (name !== undefined) found.set(name, readDescriptors(descriptors))
        },
      })
      for (const name of facts.contexts.values())
        if (!found.get(name)?.some((extent) => extent.length > 0))
          throw brokenProtocol(server, `nothing about ${name} for: ${what}`)
      return found
    },
    async close() {
      if (line.failure() === undefined)
        line.send(encodeRequest({ command: commands.disconnect, cookie: 0, offset: 0, length: 0 }))
      await Promise.race([line.closed, new Promise((resolve) => setTimeout(resolve, graceMs).unref())])
      line.end(connectionLost(server, 'it was closed'))
      await line.closed
    },
  }
}

/** How long a server may take to hang up after it was told that all is over. */
const graceMs = 2_000

interface Asking {
  data?: Buffer
  flags?: number
  target?: Buffer
  onStatus?: (context: number, descriptors: Buffer) => void
  signal?: AbortSignal
}

function readDescriptors(bytes: Buffer): StatusExtent[] {
  const extents: StatusExtent[] = []
  for (let at = 0; at + 8 <= bytes.length; at += 8)
    extents.push({ length: bytes.readUInt32BE(at), flags: bytes.readUInt32BE(at + 4) })
  return extents
}
