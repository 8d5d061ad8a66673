import type { OwnerTags } from '#shared/clouds/port.ts'

/** The name that the user gave; a resource's own name is derived from its token (see `nameFor`). */
export const nameTag = 'novacron-name'

/**
 * Marks disks and public addresses that outlive the VM they serve. Azure keeps a `deleteOption` with each attachment, but its default, `Detach`,
 * says nothing: a VM made elsewhere has it on disks that are to go with it.
 */
export const keptTag = 'novacron-kept'

/** What the user may not change: owner tags and NovaCron's own marks. */
export const isReserved = (tag: string): boolean => tag.toLowerCase().startsWith('novacron-')

export const withName = (tags: OwnerTags, name: string): Record<string, string> => ({
  ...tags,
  [nameTag]: name,
})

/** The name to show for a resource. */
export const shownName = (resource: { name?: string; tags?: Record<string, string> }): string =>
  resource.tags?.[nameTag] ?? resource.name ?? ''

export const isKept = (resource: { tags?: Record<string, string> } | undefined): boolean =>
  resource?.tags?.[keptTag] === 'true'
