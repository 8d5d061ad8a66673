import type { FileHandle } from 'node:fs/promises'

/** A disk in a file of some format: what is not given reads as zero. */
export interface FileDisk {
  sizeBytes: number
  chunks(): AsyncIterable<{ offset: number; data: Buffer }>
}

/** Why a file is not taken, in the words of VM Import: "Troubleshooting VM Import/Export". */
export class BrokenFile extends Error {}

/** Exactly these bytes. @throws BrokenFile if the file has not so many. */
export async function bytes(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const buffer = Buffer.alloc(length)
  const { bytesRead } = await file.read(buffer, 0, length, position)
  if (bytesRead < length) throw new BrokenFile('Disk validation failed [The file ends too early]')
  return buffer
}

/** A part of the file that is the disk as it is. */
export async function* range(file: FileHandle, from: number, length: number) {
  for (let offset = 0; offset < length; offset += pieceBytes) {
    yield { offset, data: await bytes(file, from + offset, Math.min(pieceBytes, length - offset)) }
  }
}

const pieceBytes = 4 * 2 ** 20
