import { isNotFound } from '#shared/clouds/errors.ts'

/** `work` on each item, up to `atOnce` of them at a time; results in the items' order. The first failure ends it. */
export async function* mapParallel<Item, Result>(
  items: AsyncIterable<Item> | Iterable<Item>,
  atOnce: number,
  work: (item: Item) => Promise<Result>,
): AsyncGenerator<Result> {
  const underWay: Promise<Result>[] = []
  try {
    for await (const item of items) {
      const one = work(item)
      // A failure is seen when its turn comes; until then it must not count as unhandled.
      one.catch(() => {})
      underWay.push(one)
      if (underWay.length >= atOnce) yield await next(underWay)
    }
    while (underWay.length > 0) yield await next(underWay)
  } finally {
    await Promise.allSettled(underWay)
  }
}

/** What `ask` gives, or undefined if the cloud says that there is none. */
export async function unlessAbsent<T>(ask: Promise<T>): Promise<T | undefined> {
  try {
    return await ask
  } catch (error) {
    if (isNotFound(error)) return undefined
    throw error
  }
}

async function next<Result>(underWay: Promise<Result>[]): Promise<Result> {
  return underWay.shift() as Promise<Result>
}
