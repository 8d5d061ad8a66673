import { randomBytes } from 'node:crypto'
import { mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { dirname, isAbsolute, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { readIfThere } from './process.ts'

/** The folder of this checkout. */
export const checkoutFolder = fileURLToPath(new URL('../../', import.meta.url))

/** A folder under STATE_DIR, made if it is not there. A relative STATE_DIR starts at the checkout, not at the current folder. */
export function stateFolder(config: { STATE_DIR: string }, ...names: string[]): string {
  const top = isAbsolute(config.STATE_DIR) ? config.STATE_DIR : resolve(checkoutFolder, config.STATE_DIR)
  const folder = join(top, ...names)
  mkdirSync(folder, { recursive: true })
  return folder
}

/** Writes a file that only its owner may read, whole or not at all. */
export function writePrivately(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true })
  const fresh = `${path}.${process.pid}.new`
  writeFileSync(fresh, text, { mode: 0o600 })
  renameSync(fresh, path)
}

/** What a local server keeps from start to start: the same port, so that its users find it again, and its password. */
export type ServerSettings = { port: number; password: string }

/** Reads the settings kept in `path`; a missing or unreadable file gives fresh ones. */
export function readServerSettings(path: string): ServerSettings {
  const kept = parseSettings(readIfThere(path))
  return kept ?? { port: 0, password: randomBytes(24).toString('base64url') }
}

function parseSettings(text: string | undefined): ServerSettings | undefined {
  if (!text) return undefined
  const kept: unknown = JSON.parse(text)
  if (typeof kept !== 'object' || kept === null || !('port' in kept) || !('password' in kept))
    return undefined
  if (typeof kept.port !== 'number' || typeof kept.password !== 'string') return undefined
  return { port: kept.port, password: kept.password }
}
