import { opendir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { HostGate } from '#shared/clouds/onprem/gate.ts'
import { byText, entryOf, folderOf, type Entry } from '#shared/clouds/onprem/objects/paths.ts'
import { sizeOfStored } from '#shared/clouds/onprem/objects/sealed.ts'
import type { CloudObject } from '#shared/clouds/port.ts'

/**
 * The objects below a folder (`objects` of a bucket) whose key begins with `prefix`, in the order of their keys. A folder is gone through once
 * for each page of its entries, the next ones after the last page, so however many it has, only a page of names is held.
 */
export async function* listFolder(
  gate: HostGate,
  folder: string,
  prefix: string,
  pageEntries: number = entriesPerPage,
): AsyncGenerator<Listed> {
  const head = prefix.slice(0, prefix.lastIndexOf('/') + 1)
  yield* walk(gate, { path: join(folder, ...folderOf(head)), head }, prefix, pageEntries)
}

export interface Listed {
  object: CloudObject
  path: string
}

/** A folder, and what the keys of all in it begin with. */
interface Place {
  path: string
  head: string
}

type Found = Entry & { name: string; object?: CloudObject }

async function* walk(
  gate: HostGate,
  place: Place,
  prefix: string,
  pageEntries: number,
): AsyncGenerator<Listed> {
  for (let last: Entry | undefined; ;) {
    const after = last
    const page = await gate({ operation: 'object list', mutating: false }, () =>
      pageOf(place, { prefix, after, pageEntries }),
    )
    for (const { type, text, name, object } of page) {
      if (object) yield { object, path: join(place.path, name) }
      else if (type !== 'o')
        yield* walk(gate, { path: join(place.path, name), head: `${place.head}${text}` }, prefix, pageEntries)
    }
    last = page.at(-1)
    if (page.length < pageEntries || last === undefined) return
  }
}

/** The first entries behind `after`. One that is removed meanwhile is without its object. */
async function pageOf(
  { path, head }: Place,
  { prefix, after, pageEntries }: { prefix: string; after: Entry | undefined; pageEntries: number },
): Promise<Found[]> {
  let page: Found[] = []
  for await (const name of namesIn(path)) {
    const entry = entryOf(name)
    if (entry === undefined || !matters(entry, head, prefix)) continue
    if (after && byText(entry, after) <= 0) continue
    page.push({ ...entry, name })
    if (page.length >= 2 * pageEntries) page = page.toSorted(byText).slice(0, pageEntries)
  }
  page = page.toSorted(byText).slice(0, pageEntries)
  for (let at = 0; at < page.length; at += statsAtOnce)
    await Promise.all(
      page.slice(at, at + statsAtOnce).map(async (found) => {
        if (found.type !== 'o') return
        const facts = await stat(join(path, found.name)).catch(() => undefined)
        if (facts)
          found.object = {
            key: `${head}${found.text}`,
            sizeBytes: sizeOfStored(facts.size),
            modifiedAt: facts.mtime,
          }
      }),
    )
  return page
}

/** Can a key with the prefix be it, or be below it? */
function matters({ type, text }: Entry, head: string, prefix: string): boolean {
  const full = `${head}${text}`
  return full.startsWith(prefix) || (type !== 'o' && prefix.startsWith(full))
}

/** None if there is no such folder. */
async function* namesIn(path: string): AsyncGenerator<string> {
  try {
    for await (const { name } of await opendir(path, { bufferSize: 1024 })) yield name
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
}

/** A folder of 100,000 objects is gone through ten times, and 20,000 names take some megabytes. */
const entriesPerPage = 10_000
const statsAtOnce = 64
