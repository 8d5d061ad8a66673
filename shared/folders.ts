import { mkdirSync, statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'

/**
 * Makes a folder and those above it that are missing. Not by Node's own `recursive`, which never returns below `/proc` (measured with Node 24).
 * @returns the topmost folder that was made; undefined if all were there.
 * @throws NodeJS.ErrnoException of what cannot be made, `ENOTDIR` where something else stands in the way.
 */
export function makeFolder(path: string, mode: number): string | undefined {
  const folder = resolve(path)
  const found = statSync(folder, { throwIfNoEntry: false })
  if (found?.isDirectory()) return undefined
  const above = dirname(folder)
  const topmost = found || above === folder ? undefined : makeFolder(above, mode)
  try {
    mkdirSync(folder, { mode })
    return topmost ?? folder
  } catch (error) {
    // Another process made it meanwhile.
    if (statSync(folder, { throwIfNoEntry: false })?.isDirectory()) return topmost
    throw error
  }
}
