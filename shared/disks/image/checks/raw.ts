import type { DiskCheck } from '#shared/disks/image/checks/check.ts'
import { refused } from '#shared/disks/image/refuse.ts'

/** Raw is whatever it is, in whole sectors. */
export const checkRaw: DiskCheck = (file) => {
  if (file.sizeBytes % 512 !== 0)
    throw refused(
      `it has ${file.sizeBytes} bytes, which is not a whole number of 512-byte sectors`,
      'Transfer the file again, whole; or name the format that it has.',
    )
  return Promise.resolve({ sizeBytes: file.sizeBytes })
}
