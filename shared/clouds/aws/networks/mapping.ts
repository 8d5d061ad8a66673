import type { Address, SecurityGroup, Subnet, Vpc } from '@aws-sdk/client-ec2'
import type { CloudAddress, CloudNetwork, CloudSecurityGroup, CloudSubnet } from '#shared/clouds/port.ts'
import { present, toTags } from '#shared/clouds/aws/mapping.ts'
import { toRules } from '#shared/clouds/aws/networks/rules.ts'

/** A VPC with its subnets. Only ranges in use are given, not those that are being taken away. */
export function toNetwork(vpc: Vpc, region: string, subnets: readonly Subnet[]): CloudNetwork {
  const tags = toTags(vpc.Tags)
  const id = vpc.VpcId ?? ''
  const v4 = (vpc.CidrBlockAssociationSet ?? [])
    .filter(({ CidrBlockState }) => CidrBlockState?.State === 'associated')
    .flatMap(({ CidrBlock }) => CidrBlock ?? [])
  const v6 = (vpc.Ipv6CidrBlockAssociationSet ?? [])
    .filter(({ Ipv6CidrBlockState }) => Ipv6CidrBlockState?.State === 'associated')
    .flatMap(({ Ipv6CidrBlock }) => Ipv6CidrBlock ?? [])
  const own = vpc.CidrBlock === undefined || v4.includes(vpc.CidrBlock) ? [] : [vpc.CidrBlock]
  return {
    region,
    id,
    name: tags['Name'] ?? id,
    cidrs: [...own, ...v4, ...v6],
    state: vpc.State === 'available' ? 'ready' : 'pending',
    isDefault: vpc.IsDefault ?? false,
    subnets: subnets.map((subnet) => toSubnet(subnet, region)),
    tags,
  }
}

export function toSubnet(subnet: Subnet, region: string): CloudSubnet {
  const tags = toTags(subnet.Tags)
  const id = subnet.SubnetId ?? ''
  return {
    region,
    id,
    name: tags['Name'] ?? id,
    network: subnet.VpcId ?? '',
    cidr: subnet.CidrBlock ?? '',
    tags,
    ...present('zone', subnet.AvailabilityZone),
  }
}

/** An Elastic IP; its id is the allocation's. */
export function toAddress(address: Address, region: string): CloudAddress {
  const tags = toTags(address.Tags)
  const id = address.AllocationId ?? ''
  return {
    region,
    id,
    name: tags['Name'] ?? id,
    tags,
    ...present('ip', address.PublicIp),
    ...present('vm', address.InstanceId || undefined),
  }
}

export function toSecurityGroup(group: SecurityGroup, region: string): CloudSecurityGroup {
  const id = group.GroupId ?? ''
  return {
    region,
    id,
    name: group.GroupName ?? id,
    description: group.Description ?? '',
    rules: toRules(group),
    tags: toTags(group.Tags),
    ...present('network', group.VpcId),
  }
}
