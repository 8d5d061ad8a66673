import { open, type FileHandle } from 'node:fs/promises'

export interface Handles {
  /** Runs `work` with the file open for reading and writing; the handle stays open for the next time. */
  use<T>(path: string, work: (file: FileHandle) => Promise<T>): Promise<T>
  /** Closes the file once nobody uses it. */
  forget(path: string): Promise<void>
  close(): Promise<void>
}

interface Entry {
  file: Promise<FileHandle>
  users: number
}

/** Keeps up to `maxOpen` files open between uses; the one idle for longest makes room. */
export function createHandles(maxOpen = 64): Handles {
  // A Map iterates in order of insertion, and each use inserts anew: the first idle entry is the oldest.
  const entries = new Map<string, Entry>()

  const release = async (entry: Entry) => {
    if (entry.users > 0) return
    await entry.file.then((file) => file.close())
  }
  const makeRoom = async () => {
    if (entries.size <= maxOpen) return
    for (const [path, entry] of entries) {
      if (entry.users > 0) continue
      entries.delete(path)
      return release(entry)
    }
  }

  return {
    async use(path, work) {
      const entry = entries.get(path) ?? { file: open(path, 'r+'), users: 0 }
      entries.delete(path)
      entries.set(path, entry)
      entry.users += 1
      try {
        return await work(await entry.file)
      } catch (error) {
        // An open that failed must not be remembered.
        if (
          await entry.file.then(
            () => false,
            () => true,
          )
        )
          entries.delete(path)
        throw error
      } finally {
        entry.users -= 1
        if (entries.get(path) === entry) await makeRoom()
        else await release(entry).catch(() => undefined)
      }
    },
    async forget(path) {
      const entry = entries.get(path)
      entries.delete(path)
      if (entry) await release(entry)
    },
    async close() {
      const all = [...entries.values()]
      entries.clear()
      await Promise.all(all.map(release))
    },
  }
}
