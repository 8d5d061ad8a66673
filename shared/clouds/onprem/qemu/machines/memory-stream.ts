import { once } from 'node:events'
import { chmod, rm } from 'node:fs/promises'
import { connect, createServer, type Socket } from 'node:net'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'

/** Listens at a socket for one connection, while `work` makes somebody connect and takes what comes to its end. Nothing stays of it. */
export async function receiveOnce(
  path: string,
  signal: AbortSignal,
  work: (bytes: AsyncIterable<Buffer>, listening: Promise<void>) => Promise<void>,
): Promise<void> {
  await rm(path, { force: true })
  const server = createServer({ allowHalfOpen: false })
  const first = Promise.withResolvers<Socket>()
  first.promise.catch(() => undefined)
  const giveUp = () => first.reject(signal.reason as Error)
  signal.addEventListener('abort', giveUp, { once: true })
  server.once('connection', (socket) => {
    // One is all: nobody else gets in.
    server.close()
    socket.on('error', () => undefined)
    first.resolve(socket)
  })
  const listening = listen(server, path, signal)
  try {
    await work(bytesOf(first.promise, signal), listening)
  } finally {
    signal.removeEventListener('abort', giveUp)
    first.reject(new Error('nobody came'))
    await first.promise.then(
      (socket) => socket.destroy(),
      () => undefined,
    )
    server.close()
    await rm(path, { force: true })
  }
}

/** Sends bytes to whoever listens there, to the end. Who has heard all that it wants may hang up first, and says by other means whether it has. */
export async function sendTo(path: string, bytes: AsyncIterable<Buffer>, signal: AbortSignal): Promise<void> {
  let isAll = false
  async function* tillAll() {
    yield* bytes
    isAll = true
  }
  try {
    await pipeline(Readable.from(tillAll(), { objectMode: false }), connect(path), { signal })
  } catch (error) {
    signal.throwIfAborted()
    if (!isAll) throw error
  }
}

/** The folder lets nobody in but guests' processes and us. */
async function listen(
  server: ReturnType<typeof createServer>,
  path: string,
  signal: AbortSignal,
): Promise<void> {
  server.listen(path)
  await once(server, 'listening', { signal })
  await chmod(path, 0o666)
}

async function* bytesOf(coming: Promise<Socket>, signal: AbortSignal): AsyncGenerator<Buffer, void> {
  const socket = await coming
  signal.addEventListener('abort', () => socket.destroy(signal.reason as Error), { once: true })
  for await (const bytes of socket) yield bytes as Buffer
}
