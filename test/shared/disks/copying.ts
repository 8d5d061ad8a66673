import { copyDisk, type CopyOptions } from '#shared/disks/copy.ts'
import type { Extent } from '#shared/disks/port.ts'

/** A copy with settings that suit tests. */
export const copy = (options: Pick<CopyOptions, 'source' | 'sink' | 'journal'> & Partial<CopyOptions>) =>
  copyDisk({ slots: 4, signal: new AbortController().signal, integrityBackoffMs: 0, ...options })

/** A disk whose extents hold random bytes, or zeros where a block's number divides by three. */
export const disk = (sizeBytes: number, extents: Extent[], seed = 1): Buffer => {
  const bytes = Buffer.alloc(sizeBytes)
  let state = seed
  for (const { offset, length } of extents)
    for (let at = offset; at < offset + length; at++) {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0
      if ((at >>> 9) % 3 !== 0) bytes[at] = state >>> 24
    }
  return bytes
}

/** All of the disk as one extent. */
export const full = (sizeBytes: number): Extent[] => [{ offset: 0, length: sizeBytes }]
