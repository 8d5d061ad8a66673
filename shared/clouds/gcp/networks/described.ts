import type { Kept } from '#shared/clouds/gcp/tags.ts'
import { describe, readKept } from '#shared/clouds/gcp/tags.ts'
import type { OwnerTags } from '#shared/clouds/port.ts'

/** Networks, subnets and firewall rules take no labels: name and tags stand in their description, of at most 2048 characters. */
export const describeThing = (name: string, tags: OwnerTags, more: Kept = {}): string =>
  describe({ name, tags, ...more })

/** What stands there. */
export function readDescribed(thing: { name?: string | null; description?: string | null }) {
  const kept = readKept(thing.description)
  return { name: kept.name ?? thing.name ?? '', tags: kept.tags ?? {}, kept }
}
