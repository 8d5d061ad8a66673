import { Refusal } from '#test/clouds/gcp/refusal.ts'
import { archiveOf, type Bucket, type GcsObject, type StorageWorld } from '#test/clouds/gcp/storage/world.ts'
import { nameOf } from '#test/clouds/gcp/storage/objects.ts'

/** One page of `items`, which are in the order of `keyOf`. The token says after which key the next page begins, and for which list. */
export function pageOf<T>(
  world: Pick<StorageWorld, 'pageLimit'>,
  query: URLSearchParams,
  list: string,
  items: readonly T[],
  keyOf: (item: T) => string,
): { items: T[]; nextPageToken?: string } {
  const most = Math.min(readMaxResults(query.get('maxResults')), world.pageLimit)
  const after = readToken(query.get('pageToken'), list)
  const begin = after === undefined ? 0 : items.findIndex((item) => keyOf(item) > after)
  if (begin < 0) return { items: [] }
  const page = items.slice(begin, begin + most)
  const last = page.at(-1)
  if (last === undefined || begin + most >= items.length) return { items: page }
  return { items: page, nextPageToken: Buffer.from(`${list}\n${keyOf(last)}`).toString('base64url') }
}

/** Objects of a bucket under `prefix`, with `delimiter` folded into prefixes, with `versions` also those that are no longer live. */
export function objectsOf(
  world: StorageWorld,
  bucket: Bucket,
  query: URLSearchParams,
): { objects: GcsObject[]; prefixes: string[] } {
  const prefix = query.get('prefix') ?? ''
  const live = world.objects.list(bucket.name, prefix)
  const old = query.get('versions') === 'true' ? world.objects.list(archiveOf(bucket.name), prefix) : []
  const all = [...live, ...old].toSorted(
    (a, b) => Buffer.from(nameOf(a)).compare(Buffer.from(nameOf(b))) || a.meta.generation - b.meta.generation,
  )
  const delimiter = query.get('delimiter')
  if (delimiter === null || delimiter === '') return { objects: all, prefixes: [] }
  const prefixes = new Set<string>()
  const objects = all.filter((object) => {
    const end = nameOf(object).indexOf(delimiter, prefix.length)
    if (end < 0) return true
    prefixes.add(nameOf(object).slice(0, end + delimiter.length))
    return false
  })
  return { objects, prefixes: [...prefixes] }
}

/** Orders versions of a name among each other. */
export const versionKey = (object: GcsObject): string =>
  `${nameOf(object)}\n${String(object.meta.generation).padStart(20, '0')}`

function readMaxResults(given: string | null): number {
  if (given === null) return 1000
  const most = Number(given)
  if (Number.isInteger(most) && most >= 1) return Math.min(most, 1000)
  throw new Refusal(400, 'invalid', `Invalid unsigned integer value: '${given}'.`)
}

function readToken(given: string | null, list: string): string | undefined {
  if (given === null || given === '') return undefined
  const text = Buffer.from(given, 'base64url').toString()
  if (text.startsWith(`${list}\n`)) return text.slice(list.length + 1)
  throw new Refusal(400, 'invalid', 'Invalid page token.')
}
