import { randomUUID } from 'node:crypto'
import { link, open, readFile, rename, rm, unlink } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { isErrno } from '#shared/services/process.ts'

/** Writes a file that only we may read: whole or not at all, also if the power fails. */
export async function writeDurably(path: string, text: string): Promise<void> {
  const fresh = await writeBeside(path, text)
  await rename(fresh, path)
  await syncFolder(dirname(path))
}

/** The same for a file that must not be there yet; false if it is. */
export async function insertDurably(path: string, text: string): Promise<boolean> {
  const fresh = await writeBeside(path, text)
  try {
    await link(fresh, path)
  } catch (error) {
    if (isErrno(error, 'EEXIST')) return false
    throw error
  } finally {
    await unlink(fresh)
  }
  await syncFolder(dirname(path))
  return true
}

/** Gone already is fine. */
export async function removeDurably(path: string): Promise<void> {
  await rm(path, { force: true })
  await syncFolder(dirname(path)).catch((error: unknown) => {
    if (!isErrno(error, 'ENOENT')) throw error
  })
}

/** What a JSON file holds; undefined if it is not there. */
export async function readJson(path: string): Promise<unknown> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    if (isErrno(error, 'ENOENT') || isErrno(error, 'ENOTDIR')) return undefined
    throw error
  })
  return text === undefined ? undefined : (JSON.parse(text) as unknown)
}

/** Makes names in a folder durable. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

/** Names that begin with a dot are ours for the moment; a crash may leave one, which `isUnfinished` tells. */
async function writeBeside(path: string, text: string): Promise<string> {
  const fresh = join(dirname(path), `.${basename(path)}.${randomUUID()}`)
  const file = await open(fresh, 'wx', 0o600)
  try {
    await file.writeFile(text)
    await file.sync()
  } finally {
    await file.close()
  }
  return fresh
}

export const isUnfinished = (name: string): boolean => name.startsWith('.')
