import { spawn, type ChildProcess } from 'node:child_process'
import { connect } from 'node:net'
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { signToken } from '#api/auth/tokens.ts'
import { createTestDatabase } from '#test/setup/database.ts'
import { newFolder, temporaryFolder } from '#test/setup/folder.ts'
import { loadedModules, recordModules, sdkModules } from '#test/setup/loaded-modules.ts'
import { childEnv } from '#test/setup/child-env.ts'

const checkout = fileURLToPath(new URL('../../', import.meta.url))
const jwtSecret = 'a secret of the tests, 32 bytes or more'
const children: ChildProcess[] = []

afterAll(() => {
  for (const child of children) if (child.exitCode === null) child.kill('SIGKILL')
})

async function start(env: Record<string, string> = {}, folder = temporaryFolder()) {
  const database = await createTestDatabase()
  const output: string[] = []
  const started = spawn(process.execPath, [...recordModules, 'api/main.ts'], {
    cwd: checkout,
    env: childEnv({
      DATABASE_URL: database.url,
      STATE_DIR: folder,
      QUEUE_BACKEND: 'postgres',
      JWT_SECRET: jwtSecret,
      PORT: '0',
      ...env,
    }),
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  children.push(started)
  const exited = once(started, 'exit').then(([code]: unknown[]) => code)
  const ready = new Promise<void>((resolve, reject) => {
    const read = (chunk: Buffer) => {
      output.push(chunk.toString('utf8'))
      if (output.join('').includes('API: http')) resolve()
    }
    started.stdout?.on('data', read)
    started.stderr?.on('data', read)
    void exited.then(() => reject(new Error(`it ended: ${output.join('')}`)))
  })
  const text = () => output.join('')
  return {
    ready,
    exited,
    text,
    url: () => /API: (http:\S+)/.exec(text())?.[1] ?? '',
    stop: () => started.kill('SIGTERM'),
  }
}

test('the process says where everything is, works without any cloud SDK, and stops cleanly with a stream open', async () => {
  // So patient that the test would time out if the open stream kept the process from stopping.
  const api = await start({ SHUTDOWN_GRACE_MS: '600000' })
  await api.ready
  expect(api.text()).toMatch(/^Database: .*\nQueues: PostgreSQL.*\nAPI: http:\/\/127\.0\.0\.1:\d+/)
  const config = { JWT_ISSUER: 'novacron', JWT_AUDIENCE: 'novacron' }
  const token = await signToken(config, new TextEncoder().encode(jwtSecret), {
    tenant: 'acme',
    roles: ['platform'],
    subject: 'me',
    ttlMs: 60_000,
  })
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
  const ask = (path: string, init: RequestInit = {}) => fetch(`${api.url()}${path}`, { headers, ...init })

  expect(await (await ask('/readyz')).json()).toEqual({ status: 'ready', database: 'ok', queues: 'postgres' })
  const credentials = { access_key_id: 'AKIATESTTESTTEST', secret_access_key: 'sEcReT-of-a-test' }
  const body = JSON.stringify({
    provider_id: 'aws',
    type: 'aws',
    config: { credentials, regions: ['us-east-1'] },
  })
  const registered = (await (await ask('/api/multicloud/providers', { method: 'POST', body })).json()) as {
    job: { id: string }
  }
  const board = await ask('/board/api/queues')
  expect(board.status).toBe(200)
  const page = await (await ask('/board', { headers: { ...headers, accept: 'text/html' } })).text()
  expect(page).not.toMatch(/(href|src)="https?:/)

  const stream = await ask(`/api/multicloud/jobs/${registered.job.id}/events`)
  const reader = stream.body?.getReader()
  await reader?.read()
  api.stop()
  expect(await api.exited).toBe(0)
  const loaded = loadedModules(api.text())
  expect(loaded.length).toBeGreaterThan(100)
  expect(loaded.filter((url) => sdkModules.test(url))).toEqual([])
  expect(api.text()).not.toContain('sEcReT')
})

describe('bytes that are no proper request', () => {
  let api: Awaited<ReturnType<typeof start>>
  const folder = newFolder()
  beforeAll(async () => {
    api = await start({}, folder)
    await api.ready
  })
  afterAll(async () => {
    api?.stop()
    await api?.exited
    rmSync(folder, { recursive: true, force: true })
  })

  test.each([
    [
      'a header block of 64 KiB',
      `GET / HTTP/1.1\r\nhost: x\r\nx-long: ${'x'.repeat(65_536)}\r\n\r\n`,
      /^HTTP\/1.1 431/,
    ],
    ['no HTTP at all', '\u0016\u0003\u0001\u0002\r\n\r\n', /^HTTP\/1.1 400/],
    [
      'a body longer than it says',
      'POST /api/multicloud/vms HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{}GARBAGE\r\n\r\n',
      /^HTTP\/1.1 401/,
    ],
    [
      'a body that is said to be huge',
      `POST /api/multicloud/vms HTTP/1.1\r\nhost: x\r\nauthorization: Bearer TOKEN\r\ncontent-type: application/json\r\ncontent-length: 99999999\r\n\r\n`,
      /^HTTP\/1.1 413/,
    ],
  ])('%s is answered with a 4xx and the process goes on', async (_case, bytes, expected) => {
    const { hostname, port } = new URL(api.url())
    const token = await signToken(
      { JWT_ISSUER: 'novacron', JWT_AUDIENCE: 'novacron' },
      new TextEncoder().encode(jwtSecret),
      { tenant: 'acme', roles: ['admin'], subject: 'me', ttlMs: 60_000 },
    )
    const socket = connect(Number(port), hostname)
    let answer = ''
    socket.on('data', (chunk) => {
      answer += chunk.toString('utf8')
    })
    socket.on('error', () => {})
    socket.write(bytes.replace('TOKEN', token))
    await expect.poll(() => answer).toMatch(expected)
    socket.destroy()
    expect((await fetch(`${api.url()}/healthz`)).status).toBe(200)
  })
})

test('an address that is taken is told, with the remedy', async () => {
  const first = await start()
  await first.ready
  const { port } = new URL(first.url())
  const second = await start({ PORT: port })
  await expect(second.ready).rejects.toThrow(/cannot listen on 127.0.0.1:\d+.*Set HOST or PORT/)
  expect(await second.exited).toBe(1)
  first.stop()
  expect(await first.exited).toBe(0)
})
