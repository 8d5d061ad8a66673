import { createHash, randomUUIDv7 } from 'node:crypto'

export type IdPrefix =
  | 'vm'
  | 'mig'
  | 'job'
  | 'whk'
  | 'whd'
  | 'msg'
  | 'req'
  | 'wrk'
  | 'net'
  | 'sub'
  | 'sg'
  | 'adr'
  | 'vol'
  | 'snap'
  | 'img'
  | 'bkt'

/** A new id: a type prefix and a UUIDv7 (RFC 9562), so that ids of one kind sort by time. */
export const newId = (prefix: IdPrefix): string => `${prefix}_${randomUUIDv7()}`

/**
 * A UUID derived from its parts: the same parts always give the same one. Used as idempotency token of cloud calls.
 * Formed like a version 8 UUID (RFC 9562: custom), since clouds check the shape.
 */
export function derivedUuid(...parts: string[]): string {
  const hex = createHash('sha256').update(parts.join('\u0000')).digest('hex')
  const variant = ((Number.parseInt(hex.charAt(16), 16) & 0x3) | 0x8).toString(16)
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`
}
