/**
 * Collects calls into batches: while one batch is on its way the next one gathers. Alone, a call goes out at once; under load
 * many share one round trip and one commit.
 */
export function createBatcher<Item, Result>(
  run: (items: Item[]) => Promise<Result[]>,
  maxItems: number,
): (item: Item) => Promise<Result> {
  type Entry = { item: Item; resolve: (result: Result) => void; reject: (error: unknown) => void }
  let waiting: Entry[] = []
  let busy = false

  const drain = async () => {
    busy = true
    // One turn of the event loop lets calls of the same moment join in.
    await new Promise((resolve) => setImmediate(resolve))
    while (waiting.length > 0) {
      const entries = waiting.slice(0, maxItems)
      waiting = waiting.slice(maxItems)
      try {
        const results = await run(entries.map((entry) => entry.item))
        entries.forEach((entry, nr) => entry.resolve(results[nr] as Result))
      } catch (error) {
        for (const entry of entries) entry.reject(error)
      }
    }
    busy = false
  }

  return (item) =>
    new Promise((resolve, reject) => {
      waiting.push({ item, resolve, reject })
      if (!busy) void drain()
    })
}
