import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'

export type LockMode = 'shared' | 'exclusive'
export type FileLock = { release(): void }

const SQLITE_BUSY = 5
const pollMs = 25

/**
 * Takes a lock on a file, or answers undefined when others stand in the way.
 *
 * The kernel holds it (SQLite's own file locking, which is the portable one that Node ships), so it ends with the process
 * however that ends: a killed holder never leaves a stale lock behind.
 */
export function tryLock(path: string, mode: LockMode): FileLock | undefined {
  mkdirSync(dirname(path), { recursive: true })
  const file = new DatabaseSync(path, { timeout: 0 })
  try {
    file.exec(mode === 'exclusive' ? 'begin exclusive' : 'begin; select 1 from sqlite_schema')
    return { release: () => file.isOpen && file.close() }
  } catch (error) {
    file.close()
    if (isBusy(error)) return undefined
    throw new Error(`Cannot lock ${path}: ${String(error)}`, { cause: error })
  }
}

/**
 * Takes a lock on a file, waiting for its holders at most `timeoutMs`.
 * @throws Error naming the file when it is still held then.
 */
export async function waitForLock(path: string, mode: LockMode, timeoutMs: number): Promise<FileLock> {
  const deadline = Date.now() + timeoutMs
  for (;;) {
    const lock = tryLock(path, mode)
    if (lock) return lock
    if (Date.now() > deadline)
      throw new Error(`${path} was still locked by another process after ${timeoutMs} ms.`)
    await sleep(pollMs)
  }
}

function isBusy(error: unknown): boolean {
  return error instanceof Error && 'errcode' in error && error.errcode === SQLITE_BUSY
}
