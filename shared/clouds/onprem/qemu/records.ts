import { mkdir, readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { HostError } from '#shared/clouds/onprem/gate.ts'
import type { HostRecords } from '#shared/clouds/onprem/host.ts'
import type { QemuHost } from '#shared/clouds/onprem/qemu/base.ts'
import {
  insertDurably,
  isUnfinished,
  readJson,
  removeDurably,
  writeDurably,
} from '#shared/clouds/onprem/qemu/files.ts'
import { isErrno } from '#shared/services/process.ts'

/** Records as files `records/<kind>/<id>.json`. */
export function createRecords(host: QemuHost): HostRecords {
  const { gate, layout } = host
  const folderOf = (kind: string) => join(layout.records, checked(kind))
  const pathOf = (kind: string, id: string) => join(folderOf(kind), `${checked(id)}.json`)
  const inFolder = async <T>(kind: string, work: () => Promise<T>): Promise<T> => {
    try {
      return await work()
    } catch (error) {
      if (!isErrno(error, 'ENOENT')) throw error
      await mkdir(folderOf(kind), { recursive: true, mode: 0o700 })
      return await work()
    }
  }
  return {
    get: (kind, id) =>
      gate({ operation: 'record get', mutating: false, resource: id }, () => readJson(pathOf(kind, id))),
    list: (kind) =>
      gate({ operation: 'record list', mutating: false, resource: kind }, () => readAll(folderOf(kind))),
    async put(kind, id, body) {
      await host.ready()
      const payload = Buffer.from(JSON.stringify(body))
      await gate({ operation: 'record put', mutating: true, resource: id, payload }, () =>
        inFolder(kind, () => writeDurably(pathOf(kind, id), payload.toString())),
      )
    },
    async insert(kind, id, body) {
      await host.ready()
      const payload = Buffer.from(JSON.stringify(body))
      return await gate({ operation: 'record insert', mutating: true, resource: id, payload }, () =>
        inFolder(kind, () => insertDurably(pathOf(kind, id), payload.toString())),
      )
    },
    remove: (kind, id) =>
      gate({ operation: 'record remove', mutating: true, resource: id }, () =>
        removeDurably(pathOf(kind, id)),
      ),
  }
}

async function readAll(folder: string): Promise<{ id: string; body: unknown }[]> {
  const names = await readdir(folder).catch((error: unknown) => {
    if (isErrno(error, 'ENOENT')) return []
    throw error
  })
  await Promise.all(names.filter(isUnfinished).map((name) => removeOld(join(folder, name))))
  const found: { id: string; body: unknown }[] = []
  const finished = names.filter((name) => !isUnfinished(name) && name.endsWith('.json')).toSorted()
  for (let start = 0; start < finished.length; start += readsAtOnce) {
    const some = finished.slice(start, start + readsAtOnce)
    const bodies = await Promise.all(some.map((name) => readJson(join(folder, name))))
    for (const [index, name] of some.entries())
      if (bodies[index] !== undefined) found.push({ id: name.slice(0, -'.json'.length), body: bodies[index] })
  }
  return found
}

/** What a writer that died left; one that still writes has made it a moment ago. */
async function removeOld(path: string): Promise<void> {
  const facts = await stat(path).catch(() => undefined)
  if (facts && Date.now() - facts.mtimeMs > oldMs) await rm(path, { force: true })
}

function checked(name: string): string {
  if (/^[A-Za-z0-9][A-Za-z0-9_-]{0,199}$/.test(name)) return name
  throw new HostError(
    'invalid_request',
    `${JSON.stringify(name)} is no name of a record (letters, digits, dashes, underscores; at most 200)`,
  )
}

const readsAtOnce = 64
const oldMs = 60_000
