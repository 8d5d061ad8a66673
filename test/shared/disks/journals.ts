import { createHash } from 'node:crypto'
import type { CopyJournal } from '#shared/disks/journal.ts'
import type { CopiedChunk } from '#shared/disks/port.ts'

/** A digest that belongs to a number. */
export const sha = (number: number): Buffer => createHash('sha256').update(`${number}`).digest()

/** A chunk that is not zero. */
export const whole = (index: number): CopiedChunk => ({ index, sha256: sha(index) })

export const listManifest = async (journal: CopyJournal) => {
  const list: { offset: number; length: number; sha256: Buffer }[] = []
  for await (const chunk of journal.manifest().chunks()) list.push(chunk)
  return list
}
