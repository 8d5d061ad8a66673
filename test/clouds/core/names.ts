import { createHash } from 'node:crypto'

/** A file name for a vendor's id, however long it is and whatever characters it has: its readable end and a digest. */
export function fileNameOf(id: string): string {
  const readable = id.replace(/[^A-Za-z0-9-]+/g, '_').slice(-40)
  return `${readable}.${createHash('sha256').update(id).digest('hex').slice(0, 16)}`
}
