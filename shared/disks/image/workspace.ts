import { constants } from 'node:fs'
import { mkdir, open, rm, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { defaultLimits, type ImageLimits } from '#shared/disks/image/limits.ts'

/** User that programs run as which read files of strangers. */
export interface RunAs {
  uid: number
  gid: number
}

/** A private folder in which files of strangers are looked at and converted. */
export interface Workspace {
  readonly limits: ImageLimits
  /** Undefined: as we ourselves, who are not root. */
  readonly runAs: RunAs | undefined
  /** `name` is ours. */
  path(name: string): string
  /** Makes a file. */
  create(name: string): Promise<FileHandle>
  remove(name: string): Promise<void>
}

/**
 * Runs `work` with a folder of its own, `folder`, which is emptied before and gone after. When we are root, programs run as `runAs` (default
 * nobody), who may open nothing in it by itself.
 */
export async function withWorkspace<T>(
  folder: string,
  work: (workspace: Workspace) => Promise<T>,
  { runAs = nobody, limits = defaultLimits }: { runAs?: RunAs | undefined; limits?: ImageLimits } = {},
): Promise<T> {
  await rm(folder, { recursive: true, force: true })
  await mkdir(folder, { recursive: true, mode: 0o700 })
  try {
    const path = (name: string) => join(folder, name)
    return await work({
      limits,
      runAs: process.getuid?.() === 0 ? runAs : undefined,
      path,
      create: (name) => open(path(name), newFile, 0o600),
      remove: (name) => rm(path(name), { force: true }),
    })
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

const newFile = constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW
const nobody: RunAs = { uid: 65534, gid: 65534 }
