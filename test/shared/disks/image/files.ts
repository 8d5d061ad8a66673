import { execFileSync } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { copyFile, mkdir, readFile, stat, truncate, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { TestContext } from 'vitest'
import { DiskError } from '#shared/disks/errors.ts'
import type { DiskFile } from '#shared/disks/image/inspect.ts'
import type { ImageLimits } from '#shared/disks/image/limits.ts'
import { hasQemuImg } from '#shared/disks/image/qemu-img.ts'
import { withWorkspace, type Workspace } from '#shared/disks/image/workspace.ts'

export const mib = 2 ** 20

/** Skips a test where there is no qemu-img. */
export function needQemuImg(context: Pick<TestContext, 'skip'>): void {
  context.skip(!hasQemuImg(), 'qemu-img is not on this machine (npm run setup -- --system)')
}

/** A raw disk with data and holes. */
export async function makeRaw(path: string, sizeBytes: number): Promise<string> {
  const start = Math.min(sizeBytes, 300_000)
  await writeFile(path, randomBytes(start))
  await truncate(path, sizeBytes)
  return path
}

export function qemuImg(...args: string[]): string {
  return execFileSync('qemu-img', args, { encoding: 'utf8' })
}

/** Runs `work` in a workspace that holds `path` as `in`. */
export async function withFile<T>(
  path: string,
  work: (workspace: Workspace) => Promise<T>,
  limits?: ImageLimits,
): Promise<T> {
  const folder = join(dirname(path), 'workspace')
  await mkdir(folder, { recursive: true })
  return withWorkspace(
    join(folder, 'one'),
    async (workspace) => {
      const file = await workspace.create('in')
      await file.close()
      await copyFile(path, workspace.path('in'))
      return work(workspace)
    },
    limits ? { limits } : {},
  )
}

export const fileIn = (format: DiskFile['format']): DiskFile => ({ name: 'in', format })

/** What `work` was refused with. */
export async function refusalOf(work: Promise<unknown>): Promise<{ reason: string; remedy: string }> {
  try {
    await work
  } catch (error) {
    if (error instanceof DiskError && error.code === 'image_refused')
      return { reason: error.message, remedy: error.remedy ?? '' }
    throw error
  }
  throw new Error('nothing was refused')
}

export async function digestOf(path: string): Promise<string> {
  return createHash('sha256')
    .update(await readFile(path))
    .digest('hex')
}

export const sizeOf = async (path: string): Promise<number> => (await stat(path)).size
