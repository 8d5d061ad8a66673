import type { CloudRef } from '#shared/clouds/port.ts'
import { isNotFound } from '#shared/clouds/errors.ts'
import type { AwsClients } from '#shared/clouds/aws/clients.ts'
import { owned, type OwnedKind } from '#shared/clouds/aws/inventory/kinds.ts'
import { tagFilters } from '#shared/clouds/aws/mapping.ts'
import { describeAddresses, detachAddress, releaseAddress } from '#shared/clouds/aws/networks/addresses.ts'
import {
  describeSecurityGroups,
  describeSubnets,
  describeVpcs,
} from '#shared/clouds/aws/networks/describe.ts'
import { deleteGateway, describeGateways } from '#shared/clouds/aws/networks/gateways.ts'
import { deleteSecurityGroup } from '#shared/clouds/aws/networks/security-groups.ts'
import { deleteSubnet } from '#shared/clouds/aws/networks/subnets.ts'
import { deleteVpc } from '#shared/clouds/aws/networks/vpcs.ts'
import { pages } from '#shared/clouds/aws/paging.ts'

/** Addresses, interfaces and networks, in the order in which they can be removed. Interfaces of instances go with them, and are not told of. */
export const networkKinds = (aws: AwsClients): OwnedKind[] => [
  {
    kind: 'address',
    async *find(region, tags) {
      for (const address of await describeAddresses(aws, region, { Filters: tagFilters(tags) })) {
        yield* owned('address', region, address.AllocationId, address.Tags)
      }
    },
    remove: (ref) => removeAddress(aws, ref),
  },
  {
    kind: 'interface',
    async *find(region, tags) {
      const Filters = [...tagFilters(tags), { Name: 'status', Values: ['available'] }]
      const all = pages((token) =>
        aws.ec2(region, 'DescribeNetworkInterfaces', (ec2, http) =>
          ec2.describeNetworkInterfaces({ Filters, MaxResults: 500, ...token }, http),
        ),
      )
      for await (const { NetworkInterfaces = [] } of all) {
        for (const { NetworkInterfaceId, TagSet } of NetworkInterfaces)
          yield* owned('interface', region, NetworkInterfaceId, TagSet)
      }
    },
    remove: (ref) => removeInterface(aws, ref),
  },
  {
    kind: 'security_group',
    async *find(region, tags) {
      for await (const group of describeSecurityGroups(aws, region, { Filters: tagFilters(tags) })) {
        yield* owned('security_group', region, group.GroupId, group.Tags)
      }
    },
    remove: (ref) => deleteSecurityGroup(aws, ref),
  },
  {
    kind: 'subnet',
    async *find(region, tags) {
      for await (const subnet of describeSubnets(aws, region, { Filters: tagFilters(tags) })) {
        yield* owned('subnet', region, subnet.SubnetId, subnet.Tags)
      }
    },
    remove: (ref) => deleteSubnet(aws, ref),
  },
  {
    kind: 'gateway',
    async *find(region, tags) {
      for (const gateway of await describeGateways(aws, region, { Filters: tagFilters(tags) })) {
        yield* owned('gateway', region, gateway.InternetGatewayId, gateway.Tags)
      }
    },
    remove: (ref) => deleteGateway(aws, ref),
  },
  {
    kind: 'network',
    async *find(region, tags) {
      for await (const vpc of describeVpcs(aws, region, { Filters: tagFilters(tags) })) {
        yield* owned('network', region, vpc.VpcId, vpc.Tags)
      }
    },
    remove: (ref) => deleteVpc(aws, ref),
  },
]

/** One that still leads somewhere is taken from there first. */
async function removeAddress(aws: AwsClients, ref: CloudRef): Promise<void> {
  const Filters = [{ Name: 'allocation-id', Values: [ref.id] }]
  for (const address of await describeAddresses(aws, ref.region, { Filters })) {
    await detachAddress(aws, ref.region, address)
  }
  await releaseAddress(aws, ref)
}

async function removeInterface(aws: AwsClients, { region, id }: CloudRef): Promise<void> {
  try {
    await aws.ec2(region, 'DeleteNetworkInterface', (ec2, http) =>
      ec2.deleteNetworkInterface({ NetworkInterfaceId: id }, http),
    )
  } catch (error) {
    if (!isNotFound(error)) throw error
  }
}
