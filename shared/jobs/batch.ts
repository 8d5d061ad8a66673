/** In a batch's results: this item, and it alone, is to be rejected. */
export class Refusal {
  readonly reason: unknown

  constructor(reason: unknown) {
    this.reason = reason
  }
}

/**
 * Collects calls into batches: while `maxInFlight` batches are on their way the next one gathers. Alone, a call goes out at once; under load
 * many share one round trip and one commit. A batch that throws rejects all of its calls; a `Refusal` among its results rejects one.
 */
export function createBatcher<Item, Result>(
  run: (items: Item[]) => Promise<(Result | Refusal)[]>,
  maxItems: number,
  maxInFlight = 1,
): (item: Item) => Promise<Result> {
  type Entry = { item: Item; resolve: (result: Result) => void; reject: (error: unknown) => void }
  let waiting: Entry[] = []
  let inFlight = 0

  const drain = async () => {
    inFlight += 1
    // One turn of the event loop lets calls of the same moment join in.
    await new Promise((resolve) => setImmediate(resolve))
    while (waiting.length > 0) {
      const entries = waiting.slice(0, maxItems)
      waiting = waiting.slice(maxItems)
      try {
        const results = await run(entries.map((entry) => entry.item))
        entries.forEach((entry, nr) => settle(entry, results[nr] as Result | Refusal))
      } catch (error) {
        for (const entry of entries) entry.reject(error)
      }
    }
    inFlight -= 1
  }

  const settle = (entry: Entry, result: Result | Refusal) =>
    result instanceof Refusal ? entry.reject(result.reason) : entry.resolve(result)

  return (item) =>
    new Promise((resolve, reject) => {
      waiting.push({ item, resolve, reject })
      if (inFlight < maxInFlight) void drain()
    })
}
