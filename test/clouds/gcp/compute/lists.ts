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
  const rank = rankBy(query.get('orderBy'))
  const last = lastOf(query.get('pageToken'), operation, filter)
  const found = all
    .filter(filterOf(filter))
    .map((item) => ({ item, key: rank(item) }))
    .filter(({ key }) => last === undefined || key > last)
    .toSorted((a, b) => (a.key < b.key ? -1 : 1))
  const cutOut = found.slice(0, Math.min(Math.max(1, wanted), world.pageLimit))
  const end = cutOut.at(-1)
  const more = end !== undefined && cutOut.length < found.length
  return {
    items: cutOut.map(({ item }) => item),
    ...(more ? { nextPageToken: tokenOf(end.key, operation, filter) } : {}),
  }
}

/** A page goes on after the last item of the one before, so that what comes and goes in between moves nothing. */
const tokenOf = (last: string, operation: string, filter: string): string =>
  Buffer.from(JSON.stringify([last, operation, filter])).toString('base64url')

function lastOf(token: string | null, operation: string, filter: string): string | undefined {
  if (token === null || token === '') return undefined
  try {
    const [last, of, by] = JSON.parse(Buffer.from(token, 'base64url').toString()) as unknown[]
    if (typeof last === 'string' && of === operation && by === filter) return last
  } catch {
    // Said below.
  }
  throw new Refusal(400, 'invalid', `Invalid value for field 'pageToken': '${token}'.`)
}

/** What items are in the order of. Names are unique within their zone or region, whose URL begins their own. */
function rankBy(orderBy: string | null): (item: Item) => string {
  const text = (value: unknown): string => (typeof value === 'string' ? value : '')
  const name = (item: Item): string => text(item['selfLink']) || text(item['name'])
  if (orderBy === null || orderBy === 'name') return name
  if (orderBy === 'creationTimestamp desc')
    return (item) => `${String(9e15 - Date.parse(text(item['creationTimestamp'])))} ${name(item)}`
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
