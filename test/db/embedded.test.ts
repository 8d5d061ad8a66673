import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { networkInterfaces } from 'node:os'
import { join } from 'node:path'
import { Client } from 'pg'
import { afterAll, expect, onTestFinished, test, vi } from 'vitest'
import { createDatabase, query } from '#db/embedded/databases.ts'
import { discardHome, prepareHome } from '#db/embedded/home.ts'
import { openEmbedded, resolveDatabase } from '#db/embedded.ts'
import { endProcess, isAlive, signal, waitForEnd } from '#shared/services/process.ts'
import type { Share } from '#shared/services/shared-server.ts'
import { newFolder, temporaryFolder } from '#test/setup/folder.ts'
import { startUser } from '#test/setup/user-process.ts'

const openCode = `import { openEmbedded } from '#db/embedded.ts'
  const share = await openEmbedded(process.argv[1])`

/** One cluster for the file: making one takes a second. Each test leaves it stopped. */
const folder = newFolder()
afterAll(() => {
  discardHome(prepareHome(folder))
  rmSync(folder, { recursive: true })
})

async function open(options = {}): Promise<Share> {
  const share = await openEmbedded(folder, options)
  onTestFinished(share.release)
  return share
}

async function keep(url: string, text: string): Promise<void> {
  await query(url, 'create table if not exists kept (text text)')
  await query(url, `insert into kept values ('${text}')`)
}

async function isKept(url: string, text: string): Promise<boolean> {
  return (await query(url, `select 1 from kept where text = '${text}'`)).length > 0
}

test('processes that start at the same time share one server, and only the last to leave stops it', async () => {
  const users = await Promise.all([1, 2, 3].map(() => startUser(openCode, folder)))
  const [first, second, last] = users
  if (!first || !second || !last) throw new Error('Three users were started.')
  expect(new Set(users.map(({ said }) => said.pid)).size).toBe(1)
  await first.leave()
  await second.kill()
  expect(await query(last.said.url, 'select 1 as one')).toEqual([{ one: 1 }])
  await last.leave()
  expect(isAlive(last.said.pid)).toBe(false)
})

test('a server whose user was killed is found again with all it holds, and stopped by the one who found it', async () => {
  const user = await startUser(openCode, folder)
  await keep(user.said.url, 'adopted')
  await user.kill()
  expect(isAlive(user.said.pid)).toBe(true)
  const share = await open()
  expect(share.pid()).toBe(user.said.pid)
  expect(await isKept(share.url, 'adopted')).toBe(true)
  await share.release()
  expect(isAlive(user.said.pid)).toBe(false)
})

test('when the server and its user were both killed, the next start recovers what was committed', async () => {
  const user = await startUser(openCode, folder)
  await keep(user.said.url, 'recovered')
  await user.kill()
  await endProcess(user.said.pid, ['SIGKILL'], 5000)
  const share = await open()
  expect(share.pid()).not.toBe(user.said.pid)
  expect(await isKept(share.url, 'recovered')).toBe(true)
})

test('a process that is ended by a signal before it handles any still stops the server it was the last to use', async () => {
  const user = await startUser(openCode, folder)
  expect(await user.end('SIGTERM')).toBe(128 + 15)
  expect(await waitForEnd(user.said.pid, 10_000)).toBe(true)
})

test('a pid file that now names an unrelated process does not stand in the way', async () => {
  const first = await open()
  const pidPath = join(prepareHome(folder).dataFolder, 'postmaster.pid')
  const lines = readFileSync(pidPath, 'utf8').split('\n').slice(1)
  await endProcess(first.pid(), ['SIGKILL'], 5000)
  await first.release()
  writeFileSync(pidPath, [process.pid, ...lines].join('\n'))
  const share = await open()
  expect(share.pid()).not.toBe(process.pid)
  expect(await query(share.url, 'select 1 as one')).toEqual([{ one: 1 }])
})

test('a server that is killed under its users comes back at the same address', async () => {
  vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
  const share = await open()
  const pid = share.pid()
  await keep(share.url, 'mended')
  signal(pid, 'SIGKILL')
  await waitForEnd(pid, 5000)
  await vi.waitFor(async () => expect(await isKept(share.url, 'mended')).toBe(true), {
    timeout: 20_000,
    interval: 100,
  })
})

test('it is durable, takes connections on loopback alone, and only with its password', async () => {
  const share = await open()
  const settings = await query(
    share.url,
    `select name, setting from pg_settings where name in ('fsync', 'listen_addresses', 'unix_socket_directories', 'max_connections')`,
  )
  expect(Object.fromEntries(settings.map(({ name, setting }) => [name, setting]))).toEqual({
    fsync: 'on',
    listen_addresses: '127.0.0.1',
    max_connections: '200',
    unix_socket_directories: '',
  })
  const wrong = new URL(share.url)
  wrong.password = 'guessed'
  await expect(query(wrong.href, 'select 1')).rejects.toThrow('password authentication failed')
  const outside = Object.values(networkInterfaces())
    .flatMap((list) => list ?? [])
    .filter(({ internal, family }) => !internal && family === 'IPv4')
  await Promise.all(
    outside.map(({ address }) =>
      expect(new Client({ host: address, port: Number(wrong.port) }).connect()).rejects.toThrow(
        'ECONNREFUSED',
      ),
    ),
  )
})

test('nobody else can read its data or its password, and root has them belong to another user', async () => {
  await open()
  const { dataFolder } = prepareHome(folder)
  expect(statSync(dataFolder).mode & 0o077).toBe(0)
  expect(statSync(join(folder, 'server.json')).mode & 0o077).toBe(0)
  expect(statSync(dataFolder).uid).not.toBe(0)
})

test('an ephemeral server leaves no data behind', async () => {
  const other = temporaryFolder()
  const share = await openEmbedded(other, { ephemeral: true })
  const { dataFolder } = prepareHome(other)
  expect(existsSync(dataFolder)).toBe(true)
  await share.release()
  expect(existsSync(dataFolder)).toBe(false)
})

test('a database that is there already is kept when it is created again', async () => {
  const share = await open()
  const url = await createDatabase(share.url, 'twice')
  await keep(url, 'first')
  await createDatabase(share.url, 'twice')
  expect(await isKept(url, 'first')).toBe(true)
})

test('DATABASE_URL comes before the embedded server, whose password no note shows', async () => {
  const given = await resolveDatabase({
    DATABASE_URL: 'postgres://me:secret@db.example/app',
    STATE_DIR: folder,
  })
  expect(given.url).toBe('postgres://me:secret@db.example/app')
  expect(given.note).toContain('db.example/app')
  expect(given.note).not.toContain('secret')
  expect(existsSync(join(folder, 'postgres'))).toBe(false)
})

test('without DATABASE_URL there is a database novacron to use, and the note says where', async () => {
  const stateFolder = temporaryFolder()
  const database = await resolveDatabase({ STATE_DIR: stateFolder })
  try {
    const { pathname, port } = new URL(database.url)
    expect(pathname).toBe('/novacron')
    expect(database.note).toContain(`embedded PostgreSQL on 127.0.0.1:${port}`)
    expect(await query(database.url, 'select current_database() as name')).toEqual([{ name: 'novacron' }])
  } finally {
    await database.release()
    discardHome(prepareHome(join(stateFolder, 'postgres')))
    rmSync(stateFolder, { recursive: true })
  }
})
