import { readdir, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { createRecords } from '#shared/clouds/onprem/qemu/records.ts'
import { translated } from '#shared/clouds/onprem/qemu/translated.ts'
import { openTestHost } from '#test/clouds/onprem/qemu-host.ts'

async function open() {
  const { host, tap } = await openTestHost()
  return { host, tap, records: translated(host, createRecords(host)) }
}

test('a record is what was last put, and can be removed twice', async () => {
  const { records } = await open()
  expect(await records.get('vm', 'one')).toBeUndefined()
  expect(await records.list('vm')).toEqual([])
  await records.put('vm', 'one', { name: 'first' })
  await records.put('vm', 'one', { name: 'second' })
  await records.put('vm', 'two', { name: 'other' })
  expect(await records.get('vm', 'one')).toEqual({ name: 'second' })
  expect(await records.list('vm')).toEqual([
    { id: 'one', body: { name: 'second' } },
    { id: 'two', body: { name: 'other' } },
  ])
  await records.remove('vm', 'one')
  await records.remove('vm', 'one')
  await records.remove('task', 'one')
  expect(await records.list('vm')).toEqual([{ id: 'two', body: { name: 'other' } }])
})

test('of many who insert the same record at once exactly one does', async () => {
  const { records } = await open()
  const inserted = await Promise.all(
    Array.from({ length: 20 }, (_, index) => records.insert('vm', 'one', { index })),
  )
  expect(inserted.filter(Boolean)).toHaveLength(1)
  expect(await records.get('vm', 'one')).toEqual({ index: inserted.indexOf(true) })
})

test('a write whose reply is lost has happened whole, and leaves nothing beside it', async () => {
  const { records, tap, host } = await open()
  tap.inject({ operation: 'record put', mode: 'drop_reply', times: 1 })
  await expect(records.put('vm', 'one', { name: 'first' })).rejects.toMatchObject({ code: 'network' })
  expect(await records.get('vm', 'one')).toEqual({ name: 'first' })
  expect(await readdir(join(host.layout.records, 'vm'))).toEqual(['one.json'])
})

test('what a writer left that died in the middle is no record, and goes after a while', async () => {
  const { records, host } = await open()
  await records.put('vm', 'one', { name: 'first' })
  const folder = join(host.layout.records, 'vm')
  for (const name of ['.old.json.1', '.fresh.json.1']) await writeFile(join(folder, name), '{"na')
  const longAgo = Date.now() / 1000 - 3600
  await utimes(join(folder, '.old.json.1'), longAgo, longAgo)
  expect(await records.list('vm')).toEqual([{ id: 'one', body: { name: 'first' } }])
  expect((await readdir(folder)).toSorted()).toEqual(['.fresh.json.1', 'one.json'])
})

test.each(['../vm', '', '.x', 'a/b', 'a'.repeat(201)])('%j is no name of a record', async (name) => {
  const { records } = await open()
  await expect(records.put('vm', name, {})).rejects.toMatchObject({ code: 'invalid_request' })
  await expect(records.put(name, 'one', {})).rejects.toMatchObject({ code: 'invalid_request' })
})
