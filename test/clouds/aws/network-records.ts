import type { Life } from '#test/clouds/core/clock.ts'

/** What the loopback keeps of networks; see `world.ts` for the rest. */
interface Kept {
  id: string
  seq: number
  tags: Map<string, string>
}

export interface Vpc extends Kept {
  cidr: string
  isDefault: boolean
  life: Life<'pending' | 'available'>
}

export interface Subnet extends Kept {
  vpcId: string
  cidr: string
  zone: string
  isDefault: boolean
  mapPublicIp: boolean
  life: Life<'pending' | 'available'>
}

export interface Gateway extends Kept {
  vpcId: string | undefined
}

/** The main route table of a VPC; others cannot be made here. */
export interface RouteTable extends Kept {
  vpcId: string
  /** By destination: the gateway it leads to. */
  routes: Map<string, string>
}

/** One permission of a security group: a protocol, ports and one other end. */
export interface Permission {
  protocol: string
  fromPort: number | undefined
  toPort: number | undefined
  end: { kind: 'v4' | 'v6' | 'group' | 'list'; value: string; account?: string | undefined }
  description: string | undefined
}

export interface SecurityGroup extends Kept {
  name: string
  description: string
  vpcId: string
  ingress: Permission[]
  egress: Permission[]
}

export interface ElasticIp extends Kept {
  ip: string
  associationId: string | undefined
  instanceId: string | undefined
  interfaceId: string | undefined
}

export interface NetworkInterface extends Kept {
  subnetId: string
  groups: string[]
  privateIp: string
  description: string
  /** The instance it is attached to. */
  instanceId: string | undefined
}

/** An address that leads to nothing. */
export const nowhere = { associationId: undefined, instanceId: undefined, interfaceId: undefined }
