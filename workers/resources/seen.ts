import type {
  CloudAddress,
  CloudBucket,
  CloudImage,
  CloudNetwork,
  CloudRef,
  CloudSecurityGroup,
  CloudSnapshot,
  CloudSubnet,
  CloudVolume,
  CreationState,
} from '#shared/clouds/port.ts'
import type { ResourceState } from '#shared/resources/kinds.ts'

/** What the cloud says of a resource, in the form that our rows keep. */
export interface Seen extends CloudRef {
  name: string
  state: ResourceState
  tags: Record<string, string>
  /** The other members of the port's type. */
  observed: Record<string, unknown>
}

/** Subnets have rows of their own. */
export function seeNetwork(network: CloudNetwork): Seen {
  const { state, subnets: _, ...rest } = network
  return seen(rest, made[state])
}

export const seeSubnet = (subnet: CloudSubnet): Seen => seen(subnet, 'available')

export const seeSecurityGroup = (group: CloudSecurityGroup): Seen => seen(group, 'available')

export const seeAddress = (address: CloudAddress): Seen =>
  seen(address, address.vm === undefined ? (address.ip === undefined ? 'pending' : 'available') : 'in_use')

export const seeVolume = ({ state, ...rest }: CloudVolume): Seen =>
  seen(rest, state === 'creating' ? 'pending' : state)

export const seeSnapshot = ({ state, ...rest }: CloudSnapshot): Seen => seen(rest, made[state])

export const seeImage = ({ state, ...rest }: CloudImage): Seen => seen(rest, made[state])

export const seeBucket = (bucket: CloudBucket): Seen => seen(bucket, 'available')

const made: Record<CreationState, ResourceState> = { pending: 'pending', ready: 'available', failed: 'error' }

interface Common extends CloudRef {
  name: string
  tags: Record<string, string>
}

const seen = ({ id, region, name, tags, ...observed }: Common, state: ResourceState): Seen => ({
  id,
  region,
  name,
  state,
  tags,
  observed,
})
