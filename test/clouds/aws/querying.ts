import { Refusal, invalidValue } from '#test/clouds/aws/refusal.ts'
import type { Tagged, World } from '#test/clouds/aws/world.ts'

export type Filter = { Name: string; Value: string[] } | undefined

/** What each filter of a Describe call looks at; tags are looked at in all of them. */
export type Looks<T> = Readonly<Record<string, (item: T) => (string | undefined)[]>>

/** Those that match every filter. A filter that the call does not have is refused. */
export function filtered<T extends Pick<Tagged, 'tags'>>(
  items: Iterable<T>,
  filters: readonly Filter[],
  looks: Looks<T>,
): T[] {
  const tests = filters.flatMap((filter) => {
    if (!filter) return []
    if (filter.Value.length > 200)
      throw new Refusal('FilterLimitExceeded', 'The maximum number of filter values is 200')
    const look = lookFor(filter.Name, looks)
    const patterns = filter.Value.map(pattern)
    return [
      (item: T) =>
        look(item).some((value) => value !== undefined && patterns.some((each) => each.test(value))),
    ]
  })
  return [...items].filter((item) => tests.every((test) => test(item)))
}

/**
 * One page in order of creation. `maxResults` undefined gives everything. The token is bound to `query`, so that it continues only
 * the listing it came from.
 */
export function paged<T extends Pick<Tagged, 'seq'>>(
  world: World,
  items: readonly T[],
  {
    query,
    maxResults,
    nextToken,
  }: { query: unknown; maxResults: number | undefined; nextToken: string | undefined },
): { page: T[]; nextToken: string | undefined } {
  const listing = JSON.stringify(query)
  let after = 0
  if (nextToken !== undefined) {
    const plain = world.unseal(nextToken)
    if (!plain?.endsWith(`|${listing}`)) {
      throw new Refusal('InvalidPaginationToken', 'The specified pagination token is not valid or is expired')
    }
    after = Number(plain.slice(0, plain.indexOf('|')))
  }
  const rest = items.filter((item) => item.seq > after).toSorted((a, b) => a.seq - b.seq)
  const page = maxResults === undefined ? rest : rest.slice(0, Math.min(maxResults, world.pageLimit))
  const last = page.at(-1)
  return {
    page,
    nextToken: last && page.length < rest.length ? world.seal(`${last.seq}|${listing}`) : undefined,
  }
}

/** EC2 refuses a page size together with ids. */
export function notBoth(ids: readonly unknown[], maxResults: number | undefined, idsName: string): void {
  if (ids.length === 0 || maxResults === undefined) return
  throw new Refusal(
    'InvalidParameterCombination',
    `The parameter ${idsName} cannot be used with the parameter maxResults`,
  )
}

function lookFor<T extends Pick<Tagged, 'tags'>>(
  name: string,
  looks: Looks<T>,
): (item: T) => (string | undefined)[] {
  if (name.startsWith('tag:')) return (item) => [item.tags.get(name.slice(4))]
  if (name === 'tag-key') return (item) => [...item.tags.keys()]
  const look = Object.hasOwn(looks, name) ? looks[name] : undefined
  if (look) return look
  throw invalidValue(`The filter '${name}' is invalid`)
}

/** `*` is any text, `?` one character, a backslash takes the next one as it is. */
function pattern(value: string): RegExp {
  const source = value.replace(/\\[^]|[^]/g, (part) => {
    if (part === '*') return '[^]*'
    if (part === '?') return '[^]'
    return (part.length > 1 ? part.slice(1) : part).replace(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`)
  })
  return new RegExp(`^${source}$`)
}
