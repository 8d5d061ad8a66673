import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import { refused, truncated } from '#shared/disks/image/refuse.ts'

/** An image file as the checks read it: never past its end. */
export interface ImageFile {
  readonly sizeBytes: number
  /** Exactly `length` bytes. @throws DiskError `image_refused`, naming `what`, if they are not all there. */
  at(offset: number, length: number, what: string): Promise<Buffer>
  /** A table of 4- or 8-byte entries, read piece by piece. */
  entries(table: {
    offset: number
    count: number
    entryBytes: 4 | 8 | 16
    what: string
  }): AsyncIterable<{ index: number; bytes: Buffer; at: number }>
}

/** Opens a regular file, no link, for as long as `work` runs. */
export async function withImageFile<T>(path: string, work: (file: ImageFile) => Promise<T>): Promise<T> {
  const handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  try {
    const stats = await handle.stat()
    if (!stats.isFile()) throw refused('it is not a regular file', 'Give the image file itself.')
    return await work(
      imageFile(stats.size, async (offset, length) => {
        const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, offset)
        return buffer.subarray(0, bytesRead)
      }),
    )
  } finally {
    await handle.close()
  }
}

function imageFile(sizeBytes: number, read: (offset: number, length: number) => Promise<Buffer>): ImageFile {
  const at: ImageFile['at'] = async (offset, length, what) => {
    if (!Number.isSafeInteger(offset) || offset < 0 || length > sizeBytes || offset > sizeBytes - length)
      throw truncated(what)
    const data = await read(offset, length)
    if (data.length !== length) throw truncated(what)
    return data
  }
  return {
    sizeBytes,
    at,
    async *entries({ offset, count, entryBytes, what }) {
      if (count * entryBytes > sizeBytes) throw truncated(what)
      const perPiece = pieceBytes / entryBytes
      for (let first = 0; first < count; first += perPiece) {
        const inPiece = Math.min(perPiece, count - first)
        const bytes = await at(offset + first * entryBytes, inPiece * entryBytes, what)
        for (let index = 0; index < inPiece; index++)
          yield { index: first + index, bytes, at: index * entryBytes }
      }
    },
  }
}

const pieceBytes = 1 << 20
