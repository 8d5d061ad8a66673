import { randomBytes } from 'node:crypto'
import { open } from 'node:fs/promises'

const sizeBytes = 16 * 2 ** 20

/** Writes a raw disk of 16 MiB with a few islands of bytes: at the beginning, at its very end, within a block and across none. It does not boot. */
export async function writeBaseImage(path: string): Promise<void> {
  const file = await open(path, 'w')
  try {
    await file.truncate(sizeBytes)
    for (const offset of [0, 512 * 1024, 7 * 2 ** 20 + 4096, sizeBytes - 512]) {
      await file.write(randomBytes(512), 0, 512, offset)
    }
  } finally {
    await file.close()
  }
}
