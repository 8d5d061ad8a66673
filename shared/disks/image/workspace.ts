import { constants } from 'node:fs'
import { chmod, chown, mkdir, open, rm, type FileHandle } from 'node:fs/promises'
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
  /** Makes a file that is to be filled by us and read by programs. */
  create(name: string): Promise<FileHandle>
  remove(name: string): Promise<void>
}

/**
 * Runs `work` with a folder of its own, `folder`, which is emptied before and gone after. When we are root, programs run in it as `runAs`
 * (default nobody), who must be able to walk to it.
 */
export async function withWorkspace<T>(
  folder: string,
  work: (workspace: Workspace) => Promise<T>,
  { runAs, limits = defaultLimits }: { runAs?: RunAs; limits?: ImageLimits } = {},
): Promise<T> {
  const user = process.getuid?.() === 0 ? (runAs ?? nobody) : undefined
  await rm(folder, { recursive: true, force: true })
  await mkdir(folder, { recursive: true })
  try {
    await chmod(folder, 0o700)
    if (user) await chown(folder, user.uid, user.gid)
    const path = (name: string) => join(folder, name)
    return await work({
      limits,
      runAs: user,
      path,
      async create(name) {
        const flags = constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW
        const file = await open(path(name), flags, 0o640)
        if (user) await file.chown(process.getuid?.() ?? 0, user.gid)
        return file
      },
      remove: (name) => rm(path(name), { force: true }),
    })
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

const nobody: RunAs = { uid: 65534, gid: 65534 }
