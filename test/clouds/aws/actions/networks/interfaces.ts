import { changing, chosen, done, reading, tagsFor, tagsOf } from '#test/clouds/aws/action.ts'
import { addInterface } from '#test/clouds/aws/actions/networks/places.ts'
import { range4, address4 } from '#test/clouds/aws/address-math.ts'
import type { NetworkInterface } from '#test/clouds/aws/network-records.ts'
import { filtered, notBoth, paged } from '#test/clouds/aws/querying.ts'
import { Refusal } from '#test/clouds/aws/refusal.ts'
import {
  filters,
  groupId,
  interfaceId,
  list,
  need,
  nextToken,
  subnetId,
  tagSpecifications,
  text,
  whole,
} from '#test/clouds/aws/shapes.ts'
import { find, type Region } from '#test/clouds/aws/world.ts'
import type { Xml } from '#test/clouds/aws/xml.ts'

const unknownInterface = 'InvalidNetworkInterfaceID.NotFound'

export const describeNetworkInterfaces = reading(
  {
    NetworkInterfaceId: list(interfaceId),
    Filter: filters,
    MaxResults: whole(5, 1000),
    NextToken: nextToken,
  },
  ({ NetworkInterfaceId, Filter, MaxResults, NextToken }, { world, region }) => {
    notBoth(NetworkInterfaceId, MaxResults, 'NetworkInterfaceIds')
    const all = chosen(region, region.interfaces, NetworkInterfaceId, unknownInterface)
    const found = filtered(all, Filter, {
      'network-interface-id': ({ id }) => [id],
      'subnet-id': (each) => [each.subnetId],
      'vpc-id': (each) => [region.subnets.get(each.subnetId)?.vpcId],
      status: (each) => [statusOf(each)],
      'attachment.instance-id': (each) => [each.instanceId],
      'group-id': ({ groups }) => groups,
      description: ({ description }) => [description],
    })
    const query = ['interfaces', NetworkInterfaceId, Filter]
    const { page, nextToken: next } = paged(world, found, {
      query,
      maxResults: MaxResults,
      nextToken: NextToken,
    })
    return {
      networkInterfaceSet: page.map((each) => describe(each, region, world.accountId)),
      nextToken: next,
    }
  },
)

/** Others than an instance's own are made by hand. */
export const createNetworkInterface = changing(
  {
    SubnetId: need(subnetId),
    Description: text({ max: 255 }),
    SecurityGroupId: list(groupId),
    ClientToken: text({ max: 64 }),
    TagSpecification: tagSpecifications,
  },
  (input, { world, region }) => {
    const subnet = find(region, region.subnets, input.SubnetId, 'InvalidSubnetID.NotFound')
    const made = addInterface(world, region, {
      tags: tagsFor('network-interface', input.TagSpecification),
      subnetId: subnet.id,
      groups: input.SecurityGroupId,
      privateIp: freeAddress(region, subnet),
      description: input.Description ?? '',
      instanceId: undefined,
    })
    region.visible.add(made.id)
    return { networkInterface: describe(made, region, world.accountId) }
  },
)

export const deleteNetworkInterface = changing(
  { NetworkInterfaceId: need(interfaceId) },
  (input, { region }) => {
    const known = find(region, region.interfaces, input.NetworkInterfaceId, unknownInterface)
    if (known.instanceId !== undefined) {
      throw new Refusal('InvalidParameterValue', `Network interface '${known.id}' is currently in use.`)
    }
    region.interfaces.delete(known.id)
    return done
  },
)

/** The first address of a subnet that nothing has; the vendor keeps the first four and the last. */
export function freeAddress(region: Region, subnet: { id: string; cidr: string }): string {
  const range = range4(subnet.cidr)
  const taken = new Set(
    [...region.interfaces.values()]
      .filter((each) => each.subnetId === subnet.id)
      .map((each) => each.privateIp),
  )
  const first = (range?.first ?? 0) + 4
  for (let value = first; value < (range?.last ?? 0); value++) {
    if (!taken.has(address4(value))) return address4(value)
  }
  throw new Refusal(
    'InsufficientFreeAddressesInSubnet',
    `The specified subnet '${subnet.id}' does not have enough free addresses to satisfy the request.`,
  )
}

const statusOf = ({ instanceId }: NetworkInterface): string =>
  instanceId === undefined ? 'available' : 'in-use'

const describe = (each: NetworkInterface, region: Region, ownerId: string): Xml => ({
  networkInterfaceId: each.id,
  subnetId: each.subnetId,
  vpcId: region.subnets.get(each.subnetId)?.vpcId,
  ownerId,
  description: each.description,
  status: statusOf(each),
  interfaceType: 'interface',
  privateIpAddress: each.privateIp,
  groupSet: each.groups.map((id) => ({ groupId: id, groupName: region.groups.get(id)?.name })),
  attachment:
    each.instanceId === undefined
      ? undefined
      : { instanceId: each.instanceId, deviceIndex: 0, status: 'attached', deleteOnTermination: true },
  tagSet: tagsOf(each.tags),
})
