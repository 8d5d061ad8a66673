/**
 * Makes many small commits into few: while one `commit` runs, further items gather and go together in the next one.
 * The returned function resolves when the item's own commit has; a failed commit rejects for all of its items.
 */
export const groupCommit = <T>(commit: (items: T[]) => Promise<void>): ((item: T) => Promise<void>) => {
  let gathering: { items: T[]; committed: Promise<void> } | undefined
  let running: Promise<unknown> = Promise.resolve()

  return (item) => {
    if (gathering) gathering.items.push(item)
    else {
      const group = { items: [item], committed: Promise.resolve() }
      gathering = group
      group.committed = running.then(() => {
        gathering = undefined
        return commit(group.items)
      })
      running = group.committed.catch(() => {})
    }
    return gathering.committed
  }
}
