import type { IdPrefix } from '#shared/ids.ts'

/** What a tenant has in its clouds beside VMs. */
export const resourceKinds = [
  'network',
  'subnet',
  'security_group',
  'address',
  'volume',
  'snapshot',
  'image',
  'bucket',
] as const
export type ResourceKind = (typeof resourceKinds)[number]

/** The type prefix of each kind's ids. */
export const idPrefixes: Readonly<Record<ResourceKind, IdPrefix>> = {
  network: 'net',
  subnet: 'sub',
  security_group: 'sg',
  address: 'adr',
  volume: 'vol',
  snapshot: 'snap',
  image: 'img',
  bucket: 'bkt',
}

/** States of a resource, ours and not a vendor's. `in_use`: something depends on it (a volume or address that leads to a VM). */
export const resourceStates = ['pending', 'available', 'in_use', 'deleting', 'deleted', 'error'] as const
export type ResourceState = (typeof resourceStates)[number]

/** The kind that an id of ours says it is of, or undefined for an id that is not ours. */
export function kindOfId(id: string): ResourceKind | undefined {
  return resourceKinds.find((kind) => id.startsWith(`${idPrefixes[kind]}_`))
}
