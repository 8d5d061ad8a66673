import type { PlainReply } from '#test/clouds/core/server.ts'
import type { ComputeAsk } from '#test/clouds/gcp/compute/handler.ts'
import { json, Refusal } from '#test/clouds/gcp/refusal.ts'

/** An item of a list as its view; `scope` groups it in an aggregated list. */
export type Item = Record<string, unknown>

/** A list by `maxResults`, `pageToken`, `filter` and `orderBy`. */
export function page(ask: ComputeAsk, kind: string, all: readonly Item[]): PlainReply {
  const { items, nextPageToken } = cut(ask, all)
  return json(200, {
    kind,
    id: ask.request.url.pathname.slice('/compute/v1/'.length),
    selfLink: ask.request.url.href,
    ...(items.length === 0 ? {} : { items }),
    ...(nextPageToken === undefined ? {} : { nextPageToken }),
  })
}

/** The same over all zones or regions: items under their scope, and a warning under those that have none on this page. */
export function aggregatedPage(
  ask: ComputeAsk,
  kind: string,
  field: string,
  all: readonly { scope: string; item: Item }[],
  scopes: readonly string[],
): PlainReply {
  const scopeOf = new Map(all.map(({ scope, item }) => [item, scope]))
  const { items, nextPageToken } = cut(
    ask,
    all.map(({ item }) => item),
  )
  const grouped = Object.groupBy(items, (item) => scopeOf.get(item) ?? '')
  return json(200, {
    kind,
    id: ask.request.url.pathname.slice('/compute/v1/'.length),
    selfLink: ask.request.url.href,
    items: Object.fromEntries(
      scopes.map((scope) => [
        scope,
        grouped[scope] === undefined
          ? {
              warning: {
                code: 'NO_RESULTS_ON_PAGE',
                message: `There are no results for scope '${scope}' on this page.`,
                data: [{ key: 'scope', value: scope }],
              },
            }
          : { [field]: grouped[scope] },
      ]),
    ),
    ...(nextPageToken === undefined ? {} : { nextPageToken }),
  })
}

function cut(
  { query, world, operation }: ComputeAsk,
  all: readonly Item[],
): { items: Item[]; nextPageToken?: string } {
  const wanted = query.get('maxResults') === null ? 500 : Number(query.get('maxResults'))
  if (wanted > 500)
    throw new Refusal(
      400,
      'invalid',
      `Invalid value for field 'maxResults': '${wanted}'. Must be less than or equal to 500.`,
    )
  const filter = query.get('filter') ?? ''
  const found = inOrder(all.filter(filterOf(filter)), query.get('orderBy'))
  const begin = startOf(query.get('pageToken'), operation, filter)
  const size = Math.min(Math.max(1, wanted), world.pageLimit)
  const items = found.slice(begin, begin + size)
  const more = begin + size < found.length
  return { items, ...(more ? { nextPageToken: tokenOf(begin + size, operation, filter) } : {}) }
}

const tokenOf = (begin: number, operation: string, filter: string): string =>
  Buffer.from(JSON.stringify([begin, operation, filter])).toString('base64url')

function startOf(token: string | null, operation: string, filter: string): number {
  if (token === null || token === '') return 0
  try {
    const [begin, of, by] = JSON.parse(Buffer.from(token, 'base64url').toString()) as [number, string, string]
    if (Number.isInteger(begin) && of === operation && by === filter) return begin
  } catch {
    // Said below.
  }
  throw new Refusal(400, 'invalid', `Invalid value for field 'pageToken': '${token}'.`)
}

function inOrder(items: Item[], orderBy: string | null): Item[] {
  if (orderBy === null || orderBy === 'name')
    return items.toSorted((a, b) => String(a['name']).localeCompare(String(b['name'])))
  if (orderBy === 'creationTimestamp desc')
    return items.toSorted((a, b) =>
      String(b['creationTimestamp']).localeCompare(String(a['creationTimestamp'])),
    )
  throw new Refusal(
    400,
    'invalid',
    `Invalid value for field 'orderBy': '${orderBy}'. Only sorting by name or creationTimestamp desc is supported.`,
  )
}

/** `field = value` and `field != value`, joined by AND or by parentheses; a value may stand in quotes. */
function filterOf(filter: string): (item: Item) => boolean {
  if (filter.trim() === '') return () => true
  const tests = filter.split(/\)\s*\(|\s+AND\s+/).map((part) => {
    const match = /^\(?\s*([\w.-]+)\s*(=|!=|eq|ne)\s*("([^"]*)"|[^\s()"]+)\s*\)?$/.exec(part.trim())
    if (!match)
      throw new Refusal(
        400,
        'invalid',
        `Invalid value for field 'filter': '${filter}'. Invalid list filter expression.`,
      )
    const [, field = '', operator, bare = '', quoted] = match
    return { path: field.split('.'), equal: operator === '=' || operator === 'eq', value: quoted ?? bare }
  })
  return (item) => tests.every(({ path, equal, value }) => (String(valueAt(item, path)) === value) === equal)
}

const valueAt = (item: Item, path: string[]): unknown =>
  path.reduce<unknown>((at, name) => (at as Record<string, unknown> | undefined)?.[name], item)
