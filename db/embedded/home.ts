import { createHash } from 'node:crypto'
import { chmodSync, existsSync, lstatSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { isAlive, readIfThere } from '#shared/services/process.ts'
import { findBinaries, publicFolder, type Binaries } from './binaries.ts'

const prefix = 'novacron-data-'

/** Where an embedded PostgreSQL lives: its folder, its data in there, and the programs. */
export type Home = { home: string; dataFolder: string; binaries: Binaries }

/**
 * Chooses where an embedded PostgreSQL keeps its data. That is `folder`, except under root: there the server runs as an unprivileged
 * user who may not be able to reach the checkout, so that its data lies among the public folders, in one named after `folder`. That one
 * belongs to root, so that nobody else can lay a trap in it; only the data in it belong to the server's user.
 */
export function prepareHome(folder: string): Home {
  const binaries = findBinaries()
  if (!binaries.as) return { home: folder, dataFolder: join(folder, 'data'), binaries }
  clearAbandoned()
  const home = join(publicFolder, prefix + createHash('sha256').update(folder).digest('hex').slice(0, 16))
  mkdirSync(home, { recursive: true })
  const found = lstatSync(home)
  if (!found.isDirectory() || found.uid !== 0) {
    throw new Error(
      `${home} must be a folder of root's, and is not. Remove it, or set DATABASE_URL to a PostgreSQL of yours.`,
    )
  }
  chmodSync(home, 0o711)
  writeFileSync(join(home, 'origin'), folder)
  return { home, dataFolder: join(home, 'data'), binaries }
}

/** Removes the data of a server that has ended, and what was made to hold it. */
export function discardHome({ home, dataFolder, binaries }: Home): void {
  rmSync(binaries.as ? home : dataFolder, { recursive: true, force: true })
}

/** Removes data whose checkout was deleted, unless a server still runs on it. */
function clearAbandoned(): void {
  for (const name of readdirSync(publicFolder).filter((entry) => entry.startsWith(prefix))) {
    const home = join(publicFolder, name)
    const origin = readIfThere(join(home, 'origin'))
    const pid = Number(readIfThere(join(home, 'data', 'postmaster.pid'))?.split('\n')[0])
    if (origin && !existsSync(origin) && !(pid > 0 && isAlive(pid)))
      rmSync(home, { recursive: true, force: true })
  }
}
