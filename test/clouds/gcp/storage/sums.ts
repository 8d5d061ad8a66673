import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { crc32c } from '#test/clouds/core/crc32c.ts'

/** The checksums of a file. */
export async function sumsOfFile(path: string): Promise<{ md5: Buffer; crc32c: number }> {
  const md5 = createHash('md5')
  let crc = 0
  for await (const piece of createReadStream(path, { highWaterMark: 2 ** 20 }) as AsyncIterable<Buffer>) {
    md5.update(piece)
    crc = crc32c(piece, crc)
  }
  return { md5: md5.digest(), crc32c: crc }
}
