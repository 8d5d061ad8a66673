import type { OwnedResource } from '#shared/clouds/port.ts'

/** What Azure says of every kind of resource. */
export interface Tagged {
  id?: string
  name?: string
  location?: string
  tags?: Record<string, string>
}

/** One kind of thing that NovaCron makes: how those are listed that may carry the tags, and how one is deleted. */
export interface OwnedKind {
  kind: string
  /** Azure's name of the listing. */
  operation: string
  list(tags: Readonly<Record<string, string>>): AsyncIterable<Tagged>
  /** Gone already is fine; still in use throws CloudError `conflict`. */
  remove(resource: OwnedResource): Promise<void>
}
