import { createServer, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { createGate } from '#shared/clouds/onprem/gate.ts'
import { qemuErrorRules } from '#shared/clouds/onprem/qemu/error-rules.ts'
import { withMonitor } from '#shared/clouds/onprem/qemu/monitor.ts'
import { connectQmp } from '#shared/clouds/onprem/qemu/qmp.ts'
import { createCallWatch } from '#shared/clouds/watch.ts'
import { temporaryDir } from '#test/clouds/core/temporary.ts'

const greeting = '{"QMP": {"version": {}, "capabilities": []}}\r\n'

/** A listener that says what QEMU never would. */
async function listener(serve: (socket: Socket) => void): Promise<string> {
  const path = join(await temporaryDir(), 'monitor')
  const sockets = new Set<Socket>()
  const server: Server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined)
    serve(socket)
  })
  await new Promise<void>((resolve) => server.listen(path, resolve))
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return path
}

/** Answers each command with these texts, the first for `qmp_capabilities`. */
const answering = (...answers: string[]) =>
  listener((socket) => {
    socket.write(greeting)
    socket.on('data', () => socket.write(answers.shift() ?? ''))
  })

const gate = createGate({
  host: 'alpha',
  rules: qemuErrorRules,
  watch: createCallWatch({ absorbMs: 0 }),
  requestTimeoutMs: 2_000,
})

test('nobody at the socket means that the machine does not run', async () => {
  const path = join(await temporaryDir(), 'nobody')
  await expect(connectQmp(path, 100)).rejects.toMatchObject({ vendorCode: 'guest_not_running' })
})

test('a monitor that another client holds is given up after the time for its greeting', async () => {
  const path = await listener(() => undefined)
  await expect(connectQmp(path, 50)).rejects.toMatchObject({ vendorCode: 'monitor_busy' })
})

test('answers are told apart by their numbers, errors carry QMP’s class and words, events come between', async () => {
  const path = await answering(
    '{"return": {}, "id": 1}\r\n{"event": "STOP", "data": {"a": 1}, "timestamp": {}}\r\n',
    '{"error": {"class": "DeviceNotFound", "desc": "no vdb"}, "id": 3}\r\n{"return": 7, "id"',
    ': 2}\r\n',
  )
  const connection = await connectQmp(path, 1_000)
  const events: string[] = []
  connection.onEvent(({ event }) => events.push(event))
  const [second, third] = [connection.execute('one'), connection.execute('two')]
  third.catch(() => undefined)
  await expect(third).rejects.toMatchObject({ vendorCode: 'DeviceNotFound', message: 'no vdb' })
  const nudge = connection.execute('three')
  nudge.catch(() => undefined)
  expect(await second).toBe(7)
  connection.close()
  await expect(nudge).rejects.toMatchObject({ vendorCode: 'connection_lost' })
  await expect(connection.execute('four')).rejects.toMatchObject({ vendorCode: 'connection_lost' })
})

test.each(['what is no JSON\r\n', '{"return": \r\n'])('after %j nothing is believed', async (text) => {
  const path = await answering('{"return": {}, "id": 1}\r\n', text)
  const connection = await connectQmp(path, 1_000)
  await expect(connection.execute('query-status')).rejects.toMatchObject({ vendorCode: 'connection_lost' })
})

test('a monitor that a stale client holds is left for the second one', async () => {
  const held = await listener(() => undefined)
  const free = await listener((socket) => {
    socket.write(greeting)
    socket.on('data', (text) => {
      const { id } = JSON.parse(String(text)) as { id: number }
      socket.write(`${JSON.stringify({ return: { status: 'running' }, id })}\r\n`)
    })
  })
  const answer = await withMonitor(
    { gate, sockets: [held, free], resource: 'vm', patienceMs: 2_000 },
    (monitor) => monitor.execute('query-status'),
  )
  expect(answer).toEqual({ status: 'running' })
})

test('with all monitors held the caller is asked to come back', async () => {
  const [one, two] = [await listener(() => undefined), await listener(() => undefined)]
  const refused = withMonitor({ gate, sockets: [one, two], resource: 'vm', patienceMs: 100 }, async () => 1)
  await expect(refused).rejects.toMatchObject({
    code: 'conflict',
    retryable: true,
    vendorCode: 'monitor_busy',
  })
})
