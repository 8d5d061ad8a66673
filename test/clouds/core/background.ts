/** Work of a loopback cloud that outlives the call it began in. */
export interface Background {
  /** Takes it over: nobody else need wait for it, nor see it fail. */
  add(work: Promise<unknown>): void
  /** Waits until all is done, what was added meanwhile too. Throws if any of it ever failed: that is a defect of the loopback cloud. */
  settled(): Promise<void>
}

export function createBackground(): Background {
  const running = new Set<Promise<void>>()
  const failures: unknown[] = []
  const watch = async (work: Promise<unknown>): Promise<void> => {
    try {
      await work
    } catch (error) {
      failures.push(error)
    }
  }
  return {
    add(work) {
      const watched = watch(work).finally(() => running.delete(watched))
      running.add(watched)
    },
    async settled() {
      while (running.size > 0) await Promise.all(running)
      if (failures.length === 0) return
      const reasons = failures.map((error) => (error instanceof Error ? error.message : String(error)))
      throw new AggregateError(failures, `work of a loopback cloud failed: ${reasons.join('; ')}`)
    },
  }
}
