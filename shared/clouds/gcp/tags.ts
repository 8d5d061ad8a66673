import { createHash } from 'node:crypto'

/**
 * What we keep with a thing. Google's labels take only lower-case letters, digits, `_` and `-`, and networks, subnets and firewall rules take none: so
 * tags that fit are labels, which lists can be filtered by, and all that does not fit stands as JSON in the description (of a VM: in its metadata).
 */
export interface Kept {
  tags?: Record<string, string>
  /** The name that was asked for; the vendor's is derived from the token. */
  name?: string
  /** Size asked for, in bytes, where the vendor's is larger. */
  sizeBytes?: number
  [other: string]: unknown
}

/** Key of the metadata item in which a VM keeps what labels cannot. */
export const metadataKey = 'novacron-tags'

/** Labels of these tags. A tag that searches go by and that does not fit is a label too, with a digest for its value. */
export function labelsOf(tags: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(tags).flatMap(([key, value]) => {
      if (isLabel(key, value)) return [[key, value]]
      return key.startsWith('novacron-') && isLabel(key, '') ? [[key, digestOf(value)]] : []
    }),
  )
}

/** What has to be kept as JSON beside the labels: as text, or undefined if there is nothing. */
export function keptText(kept: Kept): string | undefined {
  const tags = Object.fromEntries(
    Object.entries(kept.tags ?? {}).filter(([key, value]) => !isLabel(key, value)),
  )
  const { tags: _, ...rest } = kept
  const all: Kept = { ...rest, ...(Object.keys(tags).length === 0 ? {} : { tags }) }
  return Object.keys(all).length === 0 ? undefined : JSON.stringify(all)
}

/** The same for what takes no labels: all tags are kept. */
export const describe = (kept: Kept): string => JSON.stringify(kept)

/** Reads what we keep; a description that somebody else wrote keeps nothing. */
export function readKept(text: string | null | undefined): Kept {
  if (!text?.startsWith('{')) return {}
  try {
    return JSON.parse(text) as Kept
  } catch {
    return {}
  }
}

/** The tags of a thing, of its labels and of what is kept beside them. */
export const tagsOf = (
  labels: Readonly<Record<string, string>> | null | undefined,
  kept: Kept,
): Record<string, string> => ({
  ...labels,
  ...kept.tags,
})

/** Does it carry all of these? */
export const carries = (
  tags: Readonly<Record<string, string>>,
  wanted: Readonly<Record<string, string>>,
): boolean => Object.entries(wanted).every(([key, value]) => tags[key] === value)

/** A filter for lists of what has labels; what it finds is still to be compared by `carries`. */
export const labelFilter = (tags: Readonly<Record<string, string>>): string =>
  Object.entries(labelsOf(tags))
    .map(([key, value]) => `(labels.${key} = "${value}")`)
    .join(' ')

const isLabel = (key: string, value: string): boolean =>
  /^[a-z][a-z0-9_-]{0,62}$/.test(key) && /^[a-z0-9_-]{0,63}$/.test(value)

const digestOf = (value: string): string =>
  `x-${createHash('sha256').update(value).digest('hex').slice(0, 40)}`
