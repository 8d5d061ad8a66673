import { createServer } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { connectNbd, type NbdClient, type NbdConnect } from '#shared/disks/nbd/client.ts'
import {
  chunk,
  dataChunk,
  errorChunk,
  holeChunk,
  optionAnswer,
  options,
  simple,
  startScripted,
  statusChunk,
  type Request,
  type Script,
} from './scripted-server.ts'

const connected = async (script: Script, connect: Partial<NbdConnect> = {}): Promise<NbdClient> => {
  const { address } = await startScripted(script)
  const client = await connectNbd({ address, ...connect })
  onTestFinished(() => client.close())
  return client
}

const pattern = ({ offset, length }: Pick<Request, 'offset' | 'length'>): Buffer =>
  Buffer.from(Array.from({ length }, (_, index) => (offset + index) % 251))

test('replies in any order, whole or in pieces with holes, find the read that asked', async () => {
  const held: Request[] = []
  const client = await connected({
    reply: (request) => {
      held.push(request)
      if (held.length < 3) return undefined
      const [first, second, third] = held as [Request, Request, Request]
      const half = second.length / 2
      return [
        holeChunk(second, 0, second.offset + half, half),
        simple(third, 0, pattern(third)),
        dataChunk(second, 0, second.offset, pattern({ offset: second.offset, length: half })),
        dataChunk(first, 1, first.offset, pattern(first)),
        chunk(second, 1, 0, Buffer.alloc(0)),
      ]
    },
  })
  const targets = [0, 4096, 70_000].map((offset) => ({ offset, data: Buffer.alloc(1000, 0xee) }))
  await Promise.all(targets.map(({ offset, data }) => client.read(offset, data)))
  const expected = targets.map(({ offset }) => pattern({ offset, length: 1000 }))
  expected[1]?.fill(0, 500)
  for (const [index, { data }] of targets.entries()) expect(data.equals(expected[index] as Buffer)).toBe(true)
})

test('a reply that arrives byte by byte is the same reply', async () => {
  const client = await connected({
    reply: (request, socket) => {
      const bytes = dataChunk(request, 1, request.offset, pattern(request))
      void (async () => {
        for (const byte of bytes) {
          socket.write(Buffer.from([byte]))
          await new Promise(setImmediate)
        }
      })()
      return undefined
    },
  })
  const target = Buffer.alloc(64)
  await client.read(128, target)
  expect(target.equals(pattern({ offset: 128, length: 64 }))).toBe(true)
})

for (const [what, errno, code, retryable] of [
  ['an input/output error', 5, 'io', true],
  ['no space', 28, 'no_space', false],
  ['not permitted', 1, 'forbidden', false],
  ['a shutdown', 108, 'connection_lost', true],
  ['a number that nobody knows', 4711, 'io', true],
] as const)
  test(`an answer that says ${what} fails its request alone, in simple and structured form`, async () => {
    const client = await connected({
      reply: (request) =>
        request.offset === 0
          ? dataChunk(request, 1, 0, pattern(request))
          : request.offset === 512
            ? simple(request, errno)
            : errorChunk(request, errno, 'in its own words'),
    })
    const target = Buffer.alloc(16)
    await expect(client.read(512, Buffer.alloc(16))).rejects.toMatchObject({ code, retryable })
    await expect(client.read(1024, Buffer.alloc(16))).rejects.toMatchObject({
      code,
      message: expect.stringContaining('in its own words') as string,
    })
    await client.read(0, target)
    expect(target.equals(pattern({ offset: 0, length: 16 }))).toBe(true)
  })

for (const [what, reply] of [
  ['has an unknown beginning', () => Buffer.alloc(64, 0x5a)],
  ['has a cookie that nobody asked with', (r) => simple({ ...r, cookie: Buffer.alloc(8, 9) }, 0)],
  ['lies outside of what was asked', (r) => dataChunk(r, 1, r.offset + r.length - 1, Buffer.alloc(2))],
  ['lies before what was asked', (r) => holeChunk(r, 1, r.offset - 1, 1)],
  [
    'has a length of 4 GiB',
    (r) => Buffer.concat([chunk(r, 1, 5, Buffer.alloc(0)).subarray(0, 16), Buffer.alloc(4, 0xff)]),
  ],
  ['is a status that nobody asked for', (r) => statusChunk(r, 1, 0, [[512, 0]])],
  ['has a type that does not exist', (r) => chunk(r, 1, 77, Buffer.alloc(4))],
  ['is an error too short to be one', (r) => chunk(r, 1, 0x8001, Buffer.alloc(2))],
] as [string, (request: Request) => Buffer][])
  test(`a reply that ${what} ends the connection, and all that waits fails at once and retryably`, async () => {
    let asked = 0
    const client = await connected({ reply: (request) => (++asked === 2 ? reply(request) : undefined) })
    const reads = [512, 1024].map((offset) => client.read(offset, Buffer.alloc(512)))
    for (const each of await Promise.allSettled([...reads, client.flush()]))
      expect(each).toMatchObject({ status: 'rejected', reason: { code: 'protocol', retryable: true } })
    await expect(client.read(0, Buffer.alloc(1))).rejects.toMatchObject({ code: 'protocol', retryable: true })
  })

test('a read that the server calls done with bytes missing fails', async () => {
  const client = await connected({
    reply: (request) => dataChunk(request, 1, request.offset, pattern({ ...request, length: 100 })),
  })
  await expect(client.read(0, Buffer.alloc(200))).rejects.toMatchObject({ code: 'protocol', retryable: true })
})

for (const command of ['read', 'write', 'writeZeroes', 'trim', 'flush', 'blockStatus'] as const)
  test(`a server that dies during ${command} fails it retryably`, async () => {
    const { address } = await startScripted({
      reply: (_request, socket) => void socket.destroy(),
    })
    const client = await connectNbd({ address, contexts: ['base:allocation'] })
    onTestFinished(() => client.close())
    const asked = {
      read: () => client.read(0, Buffer.alloc(512)),
      write: () => client.write(0, Buffer.alloc(512)),
      writeZeroes: () => client.writeZeroes(0, 512),
      trim: () => client.trim(0, 512),
      flush: () => client.flush(),
      blockStatus: () => client.blockStatus(0, 512),
    }[command]
    await expect(asked()).rejects.toMatchObject({ code: 'connection_lost', retryable: true })
    await expect(client.flush()).rejects.toMatchObject({ code: 'connection_lost', retryable: true })
  })

test('after a read was given up nothing is written to its memory, and other reads go on', async () => {
  const held: Request[] = []
  const client = await connected({
    reply: (request, socket) => {
      held.push(request)
      if (held.length < 2) return undefined
      const [first, second] = held as [Request, Request]
      // The first one's answer is in the midst of coming when it is given up.
      const bytes = dataChunk(first, 1, first.offset, pattern(first))
      socket.write(bytes.subarray(0, 100))
      setTimeout(() => {
        stop.abort(new Error('enough'))
        socket.write(bytes.subarray(100))
        socket.write(dataChunk(second, 1, second.offset, pattern(second)))
      }, 20)
      return undefined
    },
  })
  const stop = new AbortController()
  const [lost, kept] = [Buffer.alloc(2000, 0xee), Buffer.alloc(2000)]
  const [first, second] = [client.read(0, lost, stop.signal), client.read(4096, kept)]
  await expect(first).rejects.toThrow('enough')
  lost.fill(0xdd)
  await second
  expect(kept.equals(pattern({ offset: 4096, length: 2000 }))).toBe(true)
  expect(lost.equals(Buffer.alloc(2000, 0xdd))).toBe(true)
})

test('a write that is given up ends the connection, so that it cannot come later', async () => {
  const client = await connected({ reply: () => undefined })
  const stop = new AbortController()
  const write = client.write(0, Buffer.alloc(512), { signal: stop.signal })
  const read = client.read(0, Buffer.alloc(512))
  stop.abort(new Error('enough'))
  await expect(write).rejects.toThrow('enough')
  await expect(read).rejects.toMatchObject({ code: 'connection_lost', retryable: true })
})

test('a server without structured replies and contexts is used without them', async () => {
  const client = await connected(
    { refuses: { [options.structuredReply]: 1 }, reply: (request) => simple(request, 0, pattern(request)) },
    { contexts: ['base:allocation'] },
  )
  expect(client.facts).toMatchObject({ structuredReplies: false, minBlockBytes: 1 })
  expect(client.facts.contexts.size).toBe(0)
  const target = Buffer.alloc(100)
  await client.read(5, target)
  expect(target.equals(pattern({ offset: 5, length: 100 }))).toBe(true)
})

for (const [what, script, code] of [
  ['is no NBD server', { greeting: Buffer.from('HTTP/1.1 400 Bad Request\r\n') }, 'protocol'],
  [
    'speaks the oldstyle protocol',
    { greeting: Buffer.from('4e42444d4147494300420281861253000000', 'hex') },
    'unsupported',
  ],
  ['has no such export', { refuses: { [options.go]: 6 } }, 'not_found'],
  ['wants TLS', { refuses: { [options.go]: 5 } }, 'unsupported'],
  ['answers another option', { answers: { [options.go]: optionAnswer(3, 1) } }, 'protocol'],
  [
    'answers with a GiB',
    {
      answers: {
        [options.go]: Buffer.concat([
          optionAnswer(options.go, 3).subarray(0, 16),
          Buffer.from('40000000', 'hex'),
        ]),
      },
    },
    'protocol',
  ],
  ['does not tell the size', { answers: { [options.go]: optionAnswer(options.go, 1) } }, 'protocol'],
  ['tells a size beyond 8 PiB', { sizeBytes: 2 ** 60 }, 'protocol'],
  ['has blocks of 3 bytes', { blocks: { min: 3, preferred: 3, max: 3 } }, 'protocol'],
] as [string, Script, string][])
  test(`connecting to what ${what} is refused`, async () => {
    const { address } = await startScripted(script)
    await expect(connectNbd({ address })).rejects.toMatchObject({ code })
  })

test('connecting ends with its signal, and where nobody listens it fails retryably', async () => {
  const { address } = await startScripted({ greeting: Buffer.from('NBD') })
  const signal = AbortSignal.timeout(30)
  await expect(connectNbd({ address, signal })).rejects.toMatchObject({ name: 'TimeoutError' })
  const gone = { path: '/nonexistent/socket' }
  await expect(connectNbd({ address: gone })).rejects.toMatchObject({
    code: 'connection_lost',
    retryable: true,
  })
  const server = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as { port: number }
  await new Promise((resolve) => server.close(resolve))
  await expect(connectNbd({ address: { host: '127.0.0.1', port } })).rejects.toMatchObject({
    code: 'connection_lost',
  })
})
