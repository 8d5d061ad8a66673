export interface WindowOptions<T> {
  slots: number
  /** The next piece of work, or undefined when there is none left. */
  next: () => T | undefined
  /**
   * Works on one item in one of the slots (0 … slots - 1, one item each at a time). `stopping` aborts as soon as any
   * slot has failed or `signal` has aborted: for giving up waits, not for breaking off what is under way.
   */
  work: (item: T, slot: number, stopping: AbortSignal) => Promise<void>
  signal: AbortSignal
}

/**
 * Runs `work` over all items, `slots` at a time. After a failure or an abort nothing new begins, what is under way is
 * awaited, and only then does the promise reject (with the abort's reason, or the first failure).
 */
export const runWindow = async <T>({ slots, next, work, signal }: WindowOptions<T>): Promise<void> => {
  const failed = new AbortController()
  const stopping = AbortSignal.any([signal, failed.signal])
  let failure: { error: unknown } | undefined

  const lane = async (slot: number): Promise<void> => {
    while (!stopping.aborted) {
      try {
        const item = next()
        if (item === undefined) return
        await work(item, slot, stopping)
      } catch (error) {
        failure ??= { error }
        failed.abort()
      }
    }
  }

  await Promise.all(Array.from({ length: slots }, (_, slot) => lane(slot)))
  signal.throwIfAborted()
  if (failure) throw failure.error
}

/**
 * Yields `work(item)` for every item in the items' order with at most `slots` under way. When the consumer leaves, or
 * anything fails, what is under way is awaited first.
 */
export async function* orderedWindow<T, R>(
  items: AsyncIterable<T>,
  slots: number,
  work: (item: T) => Promise<R>,
): AsyncGenerator<R> {
  const underWay: Promise<R>[] = []
  try {
    for await (const item of items) {
      if (underWay.length >= slots) yield await (underWay.shift() as Promise<R>)
      const result = work(item)
      // Its turn to be awaited comes later; until then a rejection must not count as unhandled.
      result.catch(() => {})
      underWay.push(result)
    }
    while (underWay.length > 0) yield await (underWay.shift() as Promise<R>)
  } finally {
    await Promise.allSettled(underWay)
  }
}
