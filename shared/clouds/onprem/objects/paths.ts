import { refusal } from '#shared/clouds/onprem/refusals.ts'

/**
 * What an entry of a bucket's folder stands for: an object (`o…`), a part of keys up to a slash (`d…`), or the beginning of a part that is too
 * long for one name (`c…`). The rest of the name is that part of the key, escaped.
 */
export interface Entry {
  type: 'o' | 'd' | 'c'
  text: string
}

/**
 * The path of an object below its bucket's folder, by its key. Any key has one, different keys different ones, and none leads out of the folder.
 * @throws CloudError `invalid_request` for a key that is empty, longer than 1024 bytes, or no Unicode.
 */
export function pathOf(operation: string, key: string): string[] {
  const bytes = Buffer.byteLength(key)
  if (bytes === 0 || bytes > 1024 || !key.isWellFormed())
    throw refusal(operation, `key: is ${bytes === 0 ? 'empty' : 'no Unicode of at most 1024 bytes'}.`, {
      code: 'invalid_request',
      remedy: 'Use a key of 1 to 1024 bytes in UTF-8.',
      details: { field: 'key' },
    })
  return namesOf(key)
}

/** Folders in which everything lies whose key begins with `head`, a text that is empty or ends with a slash. */
export const folderOf = (head: string): string[] => (head === '' ? [] : namesOf(head).slice(0, -1))

/** What a name in a bucket's folder stands for; undefined for what we did not write. */
export function entryOf(name: string): Entry | undefined {
  const type = name[0]
  if (type !== 'o' && type !== 'd' && type !== 'c') return undefined
  try {
    const text = decodeURIComponent(name.slice(1))
    return { type, text: type === 'd' ? `${text}/` : text }
  } catch {
    return undefined
  }
}

/** Order of keys: by their texts; a shorter one first. */
export const byText = (one: Entry, other: Entry): number =>
  one.text === other.text
    ? order.indexOf(one.type) - order.indexOf(other.type)
    : one.text < other.text
      ? -1
      : 1

const order = 'ocd'

function namesOf(key: string): string[] {
  const parts = key.split('/')
  return parts.flatMap((part, index) => {
    const pieces = piecesOf(part)
    const last = index === parts.length - 1 ? 'o' : 'd'
    return pieces.map((piece, at) => `${at === pieces.length - 1 ? last : 'c'}${piece}`)
  })
}

/** Escaped, and cut where a name would get too long; never within a character. */
function piecesOf(part: string): string[] {
  const pieces: string[] = []
  let piece = ''
  for (const character of part) {
    const escaped = encodeURIComponent(character)
    if (piece.length + escaped.length > longestName) {
      pieces.push(piece)
      piece = ''
    }
    piece += escaped
  }
  return [...pieces, piece]
}

/** File systems take names of 255 bytes; one more is the type. */
const longestName = 250
