import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import type { MachinePaths } from '#shared/clouds/onprem/qemu/layout.ts'
import { argumentsOf, processOf, type ProcessId } from '#shared/clouds/onprem/qemu/process.ts'
import { isErrno } from '#shared/services/process.ts'

/**
 * The QEMU of a machine: its pid file names it, and its command line says that it is this machine's. QEMU removes the file when it ends in
 * order; `left` says that it is there without its process.
 */
export async function findProcess(
  paths: MachinePaths,
  id: string,
): Promise<{ process?: ProcessId; left: boolean }> {
  const text = await readGuestFile(paths.pid, 64)
  if (text === undefined) return { left: false }
  const pid = Number(text.toString('latin1').trim())
  if (!Number.isSafeInteger(pid) || pid < 2) return { left: true }
  const found = await processOf(pid)
  if (!found) return { left: true }
  const args = await argumentsOf(pid)
  // One that is about to end has no arguments any more, but still holds its files and ports.
  const isOurs = args.length === 0 || args[args.indexOf('-uuid') + 1] === id
  return isOurs ? { process: found, left: false } : { left: true }
}

/**
 * The last bytes of a file that a guest's process may write, at most `limitBytes`; undefined if it is not there. It may have been replaced by
 * a link to something that only we may read, or by a pipe that never ends: neither is followed.
 */
export async function readGuestFile(path: string, limitBytes: number): Promise<Buffer | undefined> {
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK
  const file = await open(path, flags).catch((error: unknown) => {
    if (isErrno(error, 'ENOENT') || isErrno(error, 'ENOTDIR')) return undefined
    throw error
  })
  if (!file) return undefined
  try {
    const facts = await file.stat()
    if (!facts.isFile()) return undefined
    const length = Math.min(limitBytes, facts.size)
    const bytes = Buffer.alloc(length)
    const { bytesRead } = await file.read(bytes, 0, length, facts.size - length)
    return bytes.subarray(0, bytesRead)
  } finally {
    await file.close()
  }
}
