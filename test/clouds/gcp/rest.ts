import { Refusal } from '#test/clouds/gcp/refusal.ts'
import type { World } from '#test/clouds/gcp/world.ts'

/* What the services behind plain REST share: Cloud Build, Monitoring, Billing and BigQuery. */

/** Refuses names that the service does not know. */
export function checkNames(where: string, names: Iterable<string>, known: readonly string[]): void {
  for (const name of names) {
    if (!known.includes(name) && !(where === 'query' && common.has(name)))
      throw new Refusal(
        400,
        'INVALID_ARGUMENT',
        `Invalid JSON payload received. Unknown name "${name}"${where === 'query' ? ': Cannot bind query parameter.' : ` at '${where}': Cannot find field.`}`,
      )
  }
}

/** One page by `pageSize` and `pageToken`; the token only works for the list that it came from. */
export function cutPage<T>(
  world: Pick<World, 'pageLimit'>,
  query: URLSearchParams,
  list: string,
  all: readonly T[],
  { usual, most }: { usual: number; most: number },
): { items: T[]; nextPageToken?: string } {
  const wanted = query.get('pageSize') === null ? usual : Number(query.get('pageSize'))
  if (!Number.isInteger(wanted) || wanted < 0)
    throw new Refusal(
      400,
      'INVALID_ARGUMENT',
      `Invalid value at 'page_size' (TYPE_INT32), "${query.get('pageSize')}"`,
    )
  const size = Math.min(wanted === 0 ? usual : wanted, most, world.pageLimit)
  const begin = startOf(query.get('pageToken'), list)
  const items = all.slice(begin, begin + size)
  if (begin + size >= all.length) return { items }
  return { items, nextPageToken: Buffer.from(JSON.stringify([begin + size, list])).toString('base64url') }
}

function startOf(token: string | null, list: string): number {
  if (token === null || token === '') return 0
  try {
    const [begin, of] = JSON.parse(Buffer.from(token, 'base64url').toString()) as [number, string]
    if (Number.isInteger(begin) && of === list) return begin
  } catch {
    // Said below.
  }
  throw new Refusal(400, 'INVALID_ARGUMENT', 'The page token is invalid.')
}

/** Parameters that every method of every Google service takes. */
const common = new Set(['alt', '$alt', 'fields', 'key', 'prettyPrint', 'quotaUser'])
