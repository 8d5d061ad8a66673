import { once } from 'node:events'
import { Agent, request as httpsRequest } from 'node:https'
import { text } from 'node:stream/consumers'
import type { IncomingMessage } from 'node:http'
import { expect, onTestFinished, test } from 'vitest'
import { createCallLog } from '#test/clouds/core/calls.ts'
import { createControlClient, type ControlSurface } from '#test/clouds/core/control.ts'
import { dispatch } from '#test/clouds/core/dispatch.ts'
import { createFaults } from '#test/clouds/core/faults.ts'
import { startServer, type Handler, type RunningServer } from '#test/clouds/core/server.ts'

/** A cloud of one operation, `Append`, that keeps what it is sent. */
async function startTinyCloud(options: { tls?: boolean; shutdown?: () => void } = {}) {
  const kept: string[] = []
  const faults = createFaults()
  const calls = createCallLog()
  const control: ControlSurface = {
    inject: faults.inject,
    clearFaults: faults.clear,
    calls: calls.list,
    clearCalls: calls.clear,
    residue: () => kept.map((id) => ({ kind: 'word', id, state: 'kept', tags: {} })),
    populate(count) {
      for (let index = 0; index < count; index++) kept.push(`seed ${index}`)
    },
    ...(options.shutdown && { shutdown: options.shutdown }),
  }
  const server = await serve({
    tls: options.tls ?? false,
    control,
    handler: ({ headers, body, begunAtMs }) =>
      dispatch({
        calls,
        faults,
        call: {
          operation: 'Append',
          mutating: true,
          userAgent: headers['user-agent'] ?? '',
          begunAtMs,
          resource: String(body),
        },
        effect: async () => ({ status: 201, body: String(kept.push(String(body))) }),
        refuse: ({ status = 400, code = 'Oops' }) => ({ status, body: code }),
      }),
  })
  const client = createControlClient(server)
  onTestFinished(() => client.close())
  const append = (word: string, timeoutMs = 5000) =>
    fetch(`${server.url}/`, { method: 'POST', body: word, signal: AbortSignal.timeout(timeoutMs) })
  return { server, kept, client, append }
}

async function serve(options: {
  tls: boolean
  handler: Handler
  control?: ControlSurface
}): Promise<RunningServer> {
  const nothing = { inject() {}, clearFaults() {}, calls: () => [], clearCalls() {}, residue: () => [] }
  const server = await startServer({ control: nothing, ...options })
  onTestFinished(() => server.close())
  return server
}

test('a client that trusts the private authority connects by address and by name, over one kept connection', async () => {
  const { server } = await startTinyCloud({ tls: true })
  const agent = new Agent({ ca: server.caPem, keepAlive: true, maxSockets: 1 })
  onTestFinished(() => agent.destroy())
  const ports = []
  for (const host of ['127.0.0.1', '127.0.0.1', 'localhost']) {
    const request = httpsRequest(`https://${host}:${server.port}/`, { method: 'POST', agent, family: 4 })
    request.end('x')
    const [response] = (await once(request, 'response')) as [IncomingMessage]
    expect(response.statusCode).toBe(201)
    ports.push(response.socket.localPort)
    await text(response)
  }
  expect(ports[1]).toBe(ports[0])
})

test('a client that does not trust the authority is refused by its own check', async () => {
  const { server } = await startTinyCloud({ tls: true })
  await expect(fetch(server.url)).rejects.toThrow('fetch failed')
})

test('a handler sees method, address, headers and the exact bytes of the body', async () => {
  const bytes = Buffer.from([0, 255, 10, 13, 0])
  const server = await serve({
    tls: false,
    handler: async ({ method, url, headers, body }) => ({
      status: 200,
      headers: { 'x-seen': `${method} ${url.href} ${headers['x-Test'.toLowerCase()]}` },
      body,
    }),
  })
  const reply = await fetch(`${server.url}/a?b=%20c`, {
    method: 'PUT',
    headers: { 'X-Test': 'yes' },
    body: bytes,
  })
  expect(reply.headers.get('x-seen')).toBe(`PUT ${server.url}/a?b=%20c yes`)
  expect(Buffer.from(await reply.arrayBuffer())).toEqual(bytes)
})

test('a body over the limit is refused with 413 and never reaches the handler', async () => {
  const { append, kept } = await startTinyCloud()
  const reply = await append('x'.repeat(64 * 1024 * 1024 + 1))
  expect(reply.status).toBe(413)
  expect(kept).toEqual([])
})

test('a HEAD reply names the length of the object without sending it', async () => {
  const server = await serve({
    tls: false,
    handler: async () => ({ status: 200, headers: { 'content-length': '123' } }),
  })
  const reply = await fetch(server.url, { method: 'HEAD' })
  expect(reply.headers.get('content-length')).toBe('123')
})

test('a defect of a handler answers 500 with the reason, so that it is not taken for the vendor', async () => {
  const server = await serve({ tls: false, handler: () => Promise.reject(new Error('a bug here')) })
  const reply = await fetch(server.url)
  expect([reply.status, await reply.text()]).toEqual([500, expect.stringContaining('a bug here')])
})

test('an injected error is answered in place of the effect', async () => {
  const { append, client, kept } = await startTinyCloud()
  await client.inject({ operation: 'Append', mode: 'error', status: 503, code: 'Busy' })
  const reply = await append('one')
  expect([reply.status, await reply.text(), kept]).toEqual([503, 'Busy', []])
  expect((await append('two')).status).toBe(201)
})

test('a dropped reply cuts the connection after the effect', async () => {
  const { append, client, kept } = await startTinyCloud()
  await client.inject({ operation: '*', mode: 'drop_reply' })
  await expect(append('one')).rejects.toThrow('fetch failed')
  expect(kept).toEqual(['one'])
})

test('a hanging call has no effect and no reply, and does not keep the server from closing', async () => {
  const { append, client, kept, server } = await startTinyCloud()
  await client.inject({ operation: 'Append', mode: 'hang', times: 2 })
  await expect(append('one', 100)).rejects.toThrow('timeout')
  const hanging = append('two').catch((error: Error) => error.message)
  while ((await client.calls()).length < 2) await new Promise(setImmediate)
  await server.close()
  expect(await hanging).toBe('fetch failed')
  expect(kept).toEqual([])
})

test('the call log tells what arrived, from whom, and how it was answered, also for the lost', async () => {
  const { append, client } = await startTinyCloud()
  await append('one')
  await client.inject({ operation: 'Append', mode: 'drop_reply' })
  await append('two').catch(() => undefined)
  const calls = await client.calls()
  expect(calls.map(({ seq, operation, resource, status }) => [seq, operation, resource, status])).toEqual([
    [1, 'Append', 'one', 201],
    [2, 'Append', 'two', 201],
  ])
  expect(calls[0]?.userAgent).not.toBe('')
  await client.clearCalls()
  await append('three')
  expect((await client.calls()).map(({ seq }) => seq)).toEqual([3])
})

test.each([true, false])('another process drives the cloud over HTTP (TLS: %s)', async (tls) => {
  let down = false
  const { client, kept } = await startTinyCloud({ tls, shutdown: () => (down = true) })
  kept.push('left over')
  expect(await client.residue()).toEqual([{ kind: 'word', id: 'left over', state: 'kept', tags: {} }])
  await client.inject({ operation: 'Append', mode: 'hang' })
  await client.clearFaults()
  await client.shutdown()
  expect(down).toBe(true)
})

test('a control that does not exist, or a wrong fault, is refused with the reason', async () => {
  const { client, server } = await startTinyCloud()
  await expect(client.inject({ operation: 'Append', mode: 'explode' as never })).rejects.toThrow(
    '400: fault.mode',
  )
  await expect(client.shutdown()).rejects.toThrow('501')
  expect((await fetch(`${server.url}/_control/nothing`)).status).toBe(404)
})

test('a delayed call has its effect and its reply', async () => {
  const { append, client, kept } = await startTinyCloud()
  await client.inject({ operation: 'Append', mode: 'delay', delayMs: 20 })
  expect((await append('one')).status).toBe(201)
  expect(kept).toEqual(['one'])
})

test('a cloud is populated over HTTP, and a count that is none is refused', async () => {
  const { client, kept } = await startTinyCloud()
  await client.populate(3)
  expect(kept).toEqual(['seed 0', 'seed 1', 'seed 2'])
  await expect(client.populate(0.5)).rejects.toThrow('whole number')
})
