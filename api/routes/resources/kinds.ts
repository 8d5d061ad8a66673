import type { z } from '@hono/zod-openapi'
import type { Permission } from '#api/auth/permissions.ts'
import { resourcePaths, resourceSchemas } from '#api/views/resource.ts'
import type { ResourceKind } from '#shared/resources/kinds.ts'

/** How a kind of resource appears in the API's routes. */
export interface KindOfRoute {
  kind: ResourceKind
  path: string
  tag: string
  /** For operation ids: `Network`, `Networks`. */
  name: string
  names: string
  /** Members of answers: `network`, `networks`. */
  one: string
  many: string
  /** For sentences: `a network`. */
  article: string
  schema: z.ZodType
  read: Permission
  manage: Permission
}

const kindOf = (
  kind: ResourceKind,
  name: string,
  names: string,
  family: 'networks' | 'storage',
  tag: string,
): KindOfRoute => ({
  kind,
  path: resourcePaths[kind],
  tag,
  name,
  names,
  one: kind,
  many: names.replaceAll(/(?!^)([A-Z])/g, '_$1').toLowerCase(),
  article: `${/^[aeiou]/.test(kind) ? 'an' : 'a'} ${kind.replace('_', ' ')}`,
  schema: resourceSchemas[kind],
  read: `${family}:read`,
  manage: `${family}:manage`,
})

export const kindsOfRoutes: Readonly<Record<ResourceKind, KindOfRoute>> = {
  network: kindOf('network', 'Network', 'Networks', 'networks', 'Networks'),
  subnet: kindOf('subnet', 'Subnet', 'Subnets', 'networks', 'Networks'),
  security_group: kindOf('security_group', 'SecurityGroup', 'SecurityGroups', 'networks', 'Networks'),
  address: kindOf('address', 'Address', 'Addresses', 'networks', 'Networks'),
  volume: kindOf('volume', 'Volume', 'Volumes', 'storage', 'Storage'),
  snapshot: kindOf('snapshot', 'Snapshot', 'Snapshots', 'storage', 'Storage'),
  image: kindOf('image', 'Image', 'Images', 'storage', 'Storage'),
  bucket: kindOf('bucket', 'Bucket', 'Buckets', 'storage', 'Storage'),
}
