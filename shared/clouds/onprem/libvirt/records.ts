import { randomUUID } from 'node:crypto'
import { HostError } from '#shared/clouds/onprem/gate.ts'
import type { HostRecords } from '#shared/clouds/onprem/host.ts'
import type { LibvirtHost } from './connection.ts'
import { el, parseXml, textOf, toXml } from './xml.ts'

/**
 * Records kept by libvirt itself, so that they lie on the host also where it is reached by ssh. Each is a secret object whose description is
 * the document: of all that libvirt keeps, only that is written in one call (atomically, with fsync), takes up to 4 MiB of text, and has a
 * name that no two may have (`usage`), which makes `insert` exclusive. They have no secret value.
 *
 * A secret's usage cannot change and its UUID is random, so every write is a new secret, a generation higher, and the older ones go after it:
 * what a UUID stands for never changes and is read once. `secret-list` gives UUIDs and names of all in one call.
 */
export function createRecords(host: LibvirtHost): HostRecords {
  const bodies = new Map<string, unknown>()
  const gated = <T>(
    operation: string,
    id: string,
    work: (signal: AbortSignal) => Promise<T>,
    payload?: Buffer,
  ) =>
    host.gate(
      {
        operation: `record ${operation}`,
        mutating: payload !== undefined || operation === 'remove',
        resource: id,
        ...(payload ? { payload } : {}),
      },
      work,
    )
  const read = async ({ uuid }: Generation, signal: AbortSignal): Promise<unknown> => {
    if (!bodies.has(uuid)) {
      const { text } = await host.virsh.run(['secret-dumpxml', uuid], signal)
      bodies.set(uuid, JSON.parse(textOf(parseXml(text), 'description') ?? 'null'))
    }
    // Whoever changes what they were given does not change what others get.
    return structuredClone(bodies.get(uuid))
  }
  const generations = async (signal: AbortSignal): Promise<Generation[]> => {
    const { text } = await host.virsh.run(['secret-list'], signal)
    const found = text.split('\n').flatMap(readLine)
    const uuids = new Set(found.map(({ uuid }) => uuid))
    for (const uuid of bodies.keys()) if (!uuids.has(uuid)) bodies.delete(uuid)
    return found
  }
  const define = async (wanted: Omit<Generation, 'uuid'>, body: string, signal: AbortSignal) => {
    const uuid = randomUUID()
    const made = await host.virsh
      .run(['secret-define', { content: toXml(secretOf({ ...wanted, uuid }, body)) }], signal)
      .then(() => true, unlessTaken)
    return made ? uuid : undefined
  }
  const undefine = async (some: Generation[], signal: AbortSignal) => {
    for (const { uuid } of some) await host.virsh.run(['secret-undefine', uuid], signal).catch(unlessGone)
  }
  /** The newest of one record, after those that it replaces. */
  const ofRecord = async (kind: string, id: string, signal: AbortSignal) =>
    (await generations(signal))
      .filter((one) => one.kind === kind && one.id === id)
      .toSorted((a, b) => a.number - b.number)

  return {
    get: (kind, id) =>
      gated('get', id, (signal) =>
        rereadIfReplaced(async () => {
          const newest = (await ofRecord(kind, id, signal)).at(-1)
          return newest && read(newest, signal)
        }),
      ),
    list: (kind) =>
      gated('list', kind, async (signal) => {
        return rereadIfReplaced(async () => {
          const newest = newestOf((await generations(signal)).filter((one) => one.kind === kind))
          return Promise.all(newest.map(async (one) => ({ id: one.id, body: await read(one, signal) })))
        })
      }),
    put: (kind, id, body) => {
      const document = documentOf(body)
      return gated(
        'put',
        id,
        async (signal) => {
          for (;;) {
            const older = await ofRecord(kind, id, signal)
            const number = (older.at(-1)?.number ?? 0) + 1
            if ((await define({ kind, id, number }, document, signal)) === undefined) continue
            await undefine(older, signal)
            return
          }
        },
        Buffer.from(document),
      )
    },
    insert: (kind, id, body) => {
      const document = documentOf(body)
      return gated(
        'insert',
        id,
        async (signal) => {
          if ((await ofRecord(kind, id, signal)).length > 0) return false
          const uuid = await define({ kind, id, number: 1 }, document, signal)
          if (uuid === undefined) return false
          // Between our look and our write another may have inserted it and replaced that by a newer generation.
          const all = await ofRecord(kind, id, signal)
          if (all.at(-1)?.uuid === uuid) return true
          await undefine(
            all.filter((one) => one.uuid === uuid),
            signal,
          )
          return false
        },
        Buffer.from(document),
      )
    },
    remove: (kind, id) =>
      gated('remove', id, async (signal) => {
        await undefine(await ofRecord(kind, id, signal), signal)
      }),
  }
}

/** Reads a secret's XML; undefined if it is no record. */
export function readRecord(document: string): (Generation & { text: string }) | undefined {
  const secret = parseXml(document)
  const name = textOf(secret, 'usage', 'name')
  const generation = name === undefined ? undefined : readName(textOf(secret, 'uuid') ?? '', name)
  return generation && { ...generation, text: textOf(secret, 'description') ?? 'null' }
}

interface Generation {
  uuid: string
  kind: string
  id: string
  number: number
}

const prefix = 'novacron-record'

/** https://libvirt.org/formatsecret.html; the type only says how the name is written. */
const secretOf = ({ uuid, kind, id, number }: Generation, body: string) =>
  el(
    'secret',
    { ephemeral: 'no', private: 'no' },
    el('uuid', {}, uuid),
    el('description', {}, body),
    el('usage', { type: 'tls' }, el('name', {}, `${prefix}/${kind}/${id}/${number}`)),
  )

/** A line of `secret-list`: UUID, type, name. */
function readLine(line: string): Generation[] {
  const [uuid, type, name] = line.trim().split(/\s+/)
  const generation = uuid && name && type === 'tls' ? readName(uuid, name) : undefined
  return generation ? [generation] : []
}

function readName(uuid: string, name: string): Generation | undefined {
  const [before, kind, id, number] = name.split('/')
  if (before !== prefix || !kind || !id || !number) return undefined
  return { uuid, kind, id, number: Number(number) }
}

/** The highest generation of each record. */
function newestOf(all: Generation[]): Generation[] {
  const newest = new Map<string, Generation>()
  for (const one of all) if (one.number > (newest.get(one.id)?.number ?? 0)) newest.set(one.id, one)
  return [...newest.values()]
}

/** ASCII only: neither XML nor a terminal's character set can harm it. */
const documentOf = (body: unknown): string =>
  JSON.stringify(body).replaceAll(
    /[^\x20-\x7e]/g,
    (sign) => `\\u${sign.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )

/** A generation that was replaced between the list and the reading is not there any more; the new one is. */
async function rereadIfReplaced<T>(work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work()
    } catch (error) {
      if (attempt === 20 || !(error instanceof HostError && error.vendorCode === 'VIR_ERR_NO_SECRET'))
        throw error
    }
  }
}

function unlessTaken(error: unknown): false {
  if (error instanceof HostError && /already defined for use with/.test(error.message)) return false
  throw error
}

function unlessGone(error: unknown): void {
  if (!(error instanceof HostError && error.vendorCode === 'VIR_ERR_NO_SECRET')) throw error
}
