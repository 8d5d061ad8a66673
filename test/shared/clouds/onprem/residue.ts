import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { RecordKind } from '#shared/clouds/onprem/records.ts'
import type { LoopbackCloud } from '#test/clouds/core/types.ts'

/** Kinds of records that stand for something that takes up room, or that a job must not leave behind. */
const kept: readonly RecordKind[] = [
  'task',
  'vm',
  'volume',
  'snapshot',
  'image',
  'network',
  'subnet',
  'security_group',
  'address',
  'bucket',
]

/** What records say that is there. `list`: the text of each record of a kind, by id. Deleted ones that others build on are left out. */
export const residueOfRecords = (
  list: (kind: RecordKind) => { id: string; text: string }[],
): ReturnType<LoopbackCloud['residue']> =>
  kept.flatMap((kind) =>
    list(kind).flatMap(({ id, text }) => {
      const body = JSON.parse(text) as {
        tags?: Record<string, string>
        state?: string
        phase?: string
        deleted?: boolean
      }
      if (body.deleted === true || (kind === 'task' && body.state !== 'pending')) return []
      return [{ kind, id, state: body.state ?? body.phase ?? '', tags: body.tags ?? {} }]
    }),
  )

/** Records in a folder of folders, a file each. */
export const recordsIn =
  (folder: string) =>
  (kind: RecordKind): { id: string; text: string }[] =>
    filesIn(join(folder, kind))
      .filter((name) => name.endsWith('.json'))
      .flatMap((name) => {
        const text = textOf(join(folder, kind, name))
        return text === undefined ? [] : [{ id: name.slice(0, -'.json'.length), text }]
      })

/** Every file and folder right in these folders, as residue without an owner. */
export const residueOfFolders = (folders: readonly string[]): ReturnType<LoopbackCloud['residue']> =>
  folders.flatMap((folder) =>
    filesIn(folder).map((name) => ({ kind: 'file', id: join(folder, name), state: 'there', tags: {} })),
  )

function filesIn(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
