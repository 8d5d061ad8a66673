import type { Tag } from '@aws-sdk/client-ec2'
import type { CloudRef, OwnedResource } from '#shared/clouds/port.ts'
import { toTags } from '#shared/clouds/aws/mapping.ts'

/** One kind of thing that NovaCron makes: how it is found by its tags, and removed. */
export interface OwnedKind {
  kind: string
  find: (region: string, tags: Readonly<Record<string, string>>) => AsyncIterable<OwnedResource>
  /** Gone already is fine; still in use throws CloudError `conflict`. */
  remove: (ref: CloudRef) => Promise<void>
}

/** A thing as the inventory tells of it; nothing for one that the vendor gave no id. */
export function owned(
  kind: string,
  region: string,
  id: string | undefined,
  tagList: readonly Tag[] | undefined,
): OwnedResource[] {
  if (id === undefined) return []
  const tags = toTags(tagList)
  return [{ region, kind, id, tags, ...(tags['Name'] === undefined ? {} : { name: tags['Name'] }) }]
}
