import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { Agent as HttpAgent, createServer, request as httpRequest, type RequestListener } from 'node:http'
import { Agent as HttpsAgent, createServer as createHttpsServer, request as httpsRequest } from 'node:https'
import { connect, createServer as createRelay, type AddressInfo, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { guarded } from '#shared/clouds/last-moment.ts'
import { openCloud } from '#shared/clouds/registry.ts'
import { withCallScope } from '#shared/clouds/scope.ts'
import { interruptions } from '#shared/jobs/errors.ts'
import { startAws } from '#test/clouds/aws/server.ts'
import { startAzure } from '#test/clouds/azure/server.ts'
import { createServerIdentity } from '#test/clouds/core/certificates.ts'
import { startGcp } from '#test/clouds/gcp/server.ts'

/** A step that can be lost, without its signal telling: as in a process that was paused and has not looked at the time yet. */
function step() {
  const lost = interruptions.leaseLost()
  let held = true
  return {
    lost,
    lose: () => void (held = false),
    run: <T>(work: () => Promise<T>) =>
      withCallScope(
        {
          signal: new AbortController().signal,
          beforeCall: () => {
            if (!held) throw lost
          },
        },
        work,
      ),
  }
}

describe.each(['http', 'https'])('a request by %s whose step is lost', (protocol) => {
  /** A server that notes what arrives, and an agent of a single connection. */
  const open = async (onConnection: () => void = () => {}) => {
    const arrived: string[] = []
    let answer = () => {}
    const listener: RequestListener = (request, response) => {
      arrived.push(request.url ?? '')
      answer = () => void response.end()
      if (request.url !== '/held') answer()
    }
    const identity = await createServerIdentity()
    const server = protocol === 'http' ? createServer(listener) : createHttpsServer(identity, listener)
    server.on('connection', onConnection).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const options = { keepAlive: true, maxSockets: 1, ca: identity.caPem }
    const agent = guarded(protocol === 'http' ? new HttpAgent(options) : new HttpsAgent(options))
    onTestFinished(() => {
      agent.destroy()
      server.closeAllConnections()
      server.close()
    })
    const url = `${protocol}://127.0.0.1:${(server.address() as AddressInfo).port}`
    const send = (path: string) =>
      new Promise<number | undefined>((resolve, reject) => {
        const start = protocol === 'http' ? httpRequest : httpsRequest
        const request = start(`${url}${path}`, { agent, method: 'PUT' }, (response) => {
          response.resume().once('end', () => resolve(response.statusCode))
        })
        request.once('error', reject).end('what changes something')
      })
    return { arrived, send, answerHeld: () => answer() }
  }

  test('while its connection is being made never leaves', async () => {
    const { lost, lose, run } = step()
    const { arrived, send } = await open(protocol === 'https' ? lose : undefined)
    const sending = run(() => send('/one'))
    if (protocol === 'http') lose()
    await expect(sending).rejects.toBe(lost)
    expect(arrived).toEqual([])
    // And the next one, of another step, is not held against it.
    expect(await send('/two')).toBe(200)
  })

  test('before it comes to a connection that was kept never leaves', async () => {
    const { lost, lose, run } = step()
    const { arrived, send } = await open()
    await run(() => send('/one'))
    const sending = run(() => send('/two'))
    lose()
    await expect(sending).rejects.toBe(lost)
    expect(arrived).toEqual(['/one'])
    expect(await send('/three')).toBe(200)
  })

  test('while it waits for a connection that others use never leaves', async () => {
    const { lost, lose, run } = step()
    const { arrived, send, answerHeld } = await open()
    const first = send('/held')
    await expect.poll(() => arrived).toEqual(['/held'])
    const second = run(() => send('/two'))
    lose()
    answerHeld()
    expect(await first).toBe(200)
    await expect(second).rejects.toBe(lost)
    expect(arrived).toEqual(['/held'])
    expect(await send('/three')).toBe(200)
  })
})

const starters = {
  aws: (dir: string) => startAws({ dir, tls: true, boot: false }),
  azure: (dir: string) => startAzure({ dir, boot: false }),
  gcp: (dir: string) => startGcp({ dir, tls: true, boot: false }),
}

test.for(Object.keys(starters) as (keyof typeof starters)[])(
  'a call to %s whose step is lost while its connection is being made never leaves and fails as the step did; the next one is made',
  async (type) => {
    const dir = await mkdtemp(join(tmpdir(), 'novacron-moment-'))
    const loopback = await starters[type](dir)
    const { lost, lose, run } = step()
    let onConnection = () => {}
    const relay = await openRelay(loopback.url, () => onConnection())
    const cloud = await openCloud({
      providerId: `${type}-moment`,
      type,
      credentials: loopback.credentials,
      regions: loopback.regions,
      defaultRegion: loopback.regions[0],
      endpoints: Object.fromEntries(
        Object.entries(loopback.endpoints).map(([service, at]) => [
          service,
          // Azure's sign-in checks that its address is its own.
          service === 'authority' ? at : at.replace(loopback.url, relay.url),
        ]),
      ),
      options: loopback.options,
      workerId: 'worker-7f3a',
    })
    onTestFinished(async () => {
      cloud.close()
      relay.close()
      await loopback.close()
      await rm(dir, { recursive: true, force: true })
    })

    // Now it has signed in, and its next call needs a connection.
    const [region = ''] = loopback.regions
    await run(() => Array.fromAsync(cloud.compute.list({ region })))
    await relay.cut()
    loopback.clearCalls()
    onConnection = lose
    await expect(run(() => Array.fromAsync(cloud.compute.list({ region })))).rejects.toBe(lost)
    expect(loopback.calls()).toEqual([])

    onConnection = () => {}
    expect(await Array.fromAsync(cloud.compute.list({ region }))).toEqual([])
  },
)

/** Passes on what comes to its address, and tells of each connection. */
async function openRelay(to: string, onConnection: () => void) {
  const { port, hostname } = new URL(to)
  const near = new Set<Socket>()
  const server = createRelay((socket) => {
    onConnection()
    near.add(socket)
    const far = connect(Number(port), hostname)
    for (const end of [socket, far]) {
      end.on('error', () => {})
      end.once('close', () => {
        near.delete(socket)
        socket.destroy()
        far.destroy()
      })
    }
    socket.pipe(far).pipe(socket)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const cut = async () => {
    for (const socket of near) socket.destroy()
    // The other side learns of it in its own time.
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  return {
    url: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
    cut,
    close() {
      server.close()
      for (const socket of near) socket.destroy()
    },
  }
}
