import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import type { NbdAddress } from '#shared/disks/nbd/client.ts'

/** A request as it arrived. */
export interface Request {
  flags: number
  command: number
  cookie: Buffer
  offset: number
  length: number
  data: Buffer
}

/** What the server says; everything else it does as the protocol wants it. */
export interface Script {
  greeting?: Buffer
  sizeBytes?: number
  transmissionFlags?: number
  /** Options that it refuses, with the number of the refusal. */
  refuses?: Record<number, number>
  /** Sent instead of the answer to an option. */
  answers?: Record<number, Buffer>
  blocks?: { min: number; preferred: number; max: number }
  /** What comes back for a request; undefined is nothing at all. */
  reply?: (request: Request, socket: Socket) => Buffer | Buffer[] | undefined
}

/** A server that speaks NBD byte for byte as a test tells it to. It listens on a unix socket of the test's own. */
export async function startScripted(script: Script): Promise<{ address: NbdAddress; requests: Request[] }> {
  const folder = await mkdtemp(join(tmpdir(), 'nc-nbd-'))
  const address = { path: join(folder, 's') }
  const requests: Request[] = []
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined)
    void serve(socket, script, requests).catch(() => socket.destroy())
  })
  await new Promise<void>((resolve) => server.listen(address.path, resolve))
  onTestFinished(async () => {
    for (const socket of sockets) socket.destroy()
    await new Promise((resolve) => server.close(resolve))
    await rm(folder, { recursive: true, force: true })
  })
  return { address, requests }
}

export const options = { go: 7, structuredReply: 8, setMetaContext: 10 } as const

const wide = (value: number): Buffer => {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64BE(BigInt(value))
  return bytes
}
const word = (value: number): Buffer => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value >>> 0)
  return bytes
}
const half = (value: number): Buffer => {
  const bytes = Buffer.alloc(2)
  bytes.writeUInt16BE(value)
  return bytes
}

export const optionAnswer = (option: number, type: number, data: Buffer = Buffer.alloc(0)): Buffer =>
  Buffer.concat([Buffer.from('0003e889045565a9', 'hex'), word(option), word(type), word(data.length), data])

/** A simple reply; `error` is the protocol's number, 0 for none. */
export const simple = ({ cookie }: Request, error: number, data: Buffer = Buffer.alloc(0)): Buffer =>
  Buffer.concat([Buffer.from('67446698', 'hex'), word(error), cookie, data])

/** A chunk of a structured reply. */
export const chunk = ({ cookie }: Request, flags: number, type: number, payload: Buffer): Buffer =>
  Buffer.concat([
    Buffer.from('668e33ef', 'hex'),
    half(flags),
    half(type),
    cookie,
    word(payload.length),
    payload,
  ])

export const dataChunk = (request: Request, flags: number, offset: number, data: Buffer): Buffer =>
  chunk(request, flags, 1, Buffer.concat([wide(offset), data]))

export const holeChunk = (request: Request, flags: number, offset: number, length: number): Buffer =>
  chunk(request, flags, 2, Buffer.concat([wide(offset), word(length)]))

export const errorChunk = (request: Request, error: number, words: string): Buffer =>
  chunk(request, 1, 0x8001, Buffer.concat([word(error), half(words.length), Buffer.from(words)]))

export const statusChunk = (
  request: Request,
  flags: number,
  context: number,
  extents: readonly (readonly [length: number, flags: number])[],
): Buffer =>
  chunk(
    request,
    flags,
    5,
    Buffer.concat([word(context), ...extents.flatMap(([length, state]) => [word(length), word(state)])]),
  )

async function serve(socket: Socket, script: Script, requests: Request[]): Promise<void> {
  const take = reader(socket)
  socket.write(script.greeting ?? Buffer.concat([Buffer.from('NBDMAGICIHAVEOPT'), half(3)]))
  await take(4)
  for (;;) {
    const head = await take(16)
    const option = head.readUInt32BE(8)
    const data = await take(head.readUInt32BE(12))
    const answer = script.answers?.[option]
    const refusal = script.refuses?.[option]
    if (answer) socket.write(answer)
    else if (refusal !== undefined) socket.write(optionAnswer(option, (0x8000_0000 + refusal) >>> 0))
    else if (option === options.setMetaContext) answerContexts(socket, data)
    else if (option === options.go) {
      answerGo(socket, script)
      break
    } else socket.write(optionAnswer(option, 1))
  }
  for (;;) {
    const head = await take(28)
    const [flags, command, length] = [head.readUInt16BE(4), head.readUInt16BE(6), head.readUInt32BE(24)]
    if (command === 2) {
      socket.end()
      return
    }
    const data = command === 1 ? await take(length) : Buffer.alloc(0)
    const [cookie, offset] = [Buffer.from(head.subarray(8, 16)), Number(head.readBigUInt64BE(16))]
    const request = { flags, command, cookie, offset, length, data }
    requests.push(request)
    const reply = script.reply?.(request, socket)
    for (const part of reply === undefined ? [] : [reply].flat()) socket.write(part)
  }
}

/** Contexts get numbers in the order in which they are asked for. */
function answerContexts(socket: Socket, data: Buffer): void {
  let at = 4 + data.readUInt32BE(0)
  const count = data.readUInt32BE(at)
  at += 4
  for (let index = 0; index < count; index++) {
    const length = data.readUInt32BE(at)
    socket.write(
      optionAnswer(
        options.setMetaContext,
        4,
        Buffer.concat([word(index), data.subarray(at + 4, at + 4 + length)]),
      ),
    )
    at += 4 + length
  }
  socket.write(optionAnswer(options.setMetaContext, 1))
}

function answerGo(socket: Socket, { sizeBytes = 2 ** 20, transmissionFlags = 0x45, blocks }: Script): void {
  socket.write(
    optionAnswer(options.go, 3, Buffer.concat([half(0), wide(sizeBytes), half(transmissionFlags)])),
  )
  if (blocks)
    socket.write(
      optionAnswer(
        options.go,
        3,
        Buffer.concat([half(3), word(blocks.min), word(blocks.preferred), word(blocks.max)]),
      ),
    )
  socket.write(optionAnswer(options.go, 1))
}

function reader(socket: Socket): (length: number) => Promise<Buffer> {
  let had = Buffer.alloc(0)
  const bytes = socket.iterator()
  return async (length) => {
    while (had.length < length) {
      const { done, value } = (await bytes.next()) as IteratorResult<Buffer>
      if (done === true) throw new Error('the client hung up')
      had = Buffer.concat([had, value])
    }
    const taken = had.subarray(0, length)
    had = had.subarray(length)
    return taken
  }
}
