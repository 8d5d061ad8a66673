/**
 * Azure's subnets take no tags and no description. Their tags are kept with their network instead: as JSON, in as many of its tags as it takes, since
 * one holds 256 characters. A network holds 50 tags, and so some 20 subnets made here.
 */
export function writeSubnetRecord(subnet: string, tags: Record<string, string>): Record<string, string> {
  const text = JSON.stringify(tags)
  const pieces = Array.from({ length: Math.ceil(text.length / pieceLength) }, (_, index) =>
    text.slice(index * pieceLength, (index + 1) * pieceLength),
  )
  return Object.fromEntries(pieces.map((piece, index) => [`${recordPrefix}${subnet}.${index}`, piece]))
}

/** A network's tags taken apart: its own, and those of each of its subnets by the subnet's name. */
export function readSubnetRecords(tags: Record<string, string>): {
  own: Record<string, string>
  subnets: Map<string, Record<string, string>>
} {
  const own: Record<string, string> = {}
  const pieces = new Map<string, string[]>()
  for (const [tag, value] of Object.entries(tags)) {
    const [, subnet, index] = tag.startsWith(recordPrefix) ? (recordTag.exec(tag) ?? []) : []
    if (subnet === undefined) own[tag] = value
    else pieces.set(subnet, Object.assign(pieces.get(subnet) ?? [], { [Number(index)]: value }))
  }
  return { own, subnets: new Map([...pieces].map(([subnet, parts]) => [subnet, parse(parts.join(''))])) }
}

/** The names of the network's tags that hold a subnet's. */
export const recordTagsOf = (tags: Record<string, string>, subnet: string): string[] =>
  Object.keys(tags).filter((tag) => tag.startsWith(recordPrefix) && recordTag.exec(tag)?.[1] === subnet)

const recordPrefix = 'novacron-subnet.'
const recordTag = /^novacron-subnet\.(.+)\.(\d+)$/
const pieceLength = 256

/** Somebody may have edited the network's tags: what cannot be read counts as no tags. */
function parse(text: string): Record<string, string> {
  try {
    const found = JSON.parse(text) as unknown
    if (typeof found !== 'object' || found === null) return {}
    return Object.fromEntries(Object.entries(found).map(([tag, value]) => [tag, String(value)]))
  } catch {
    return {}
  }
}
