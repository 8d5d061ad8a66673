import { changing, chosen, done, reading, tagsFor, tagsOf } from '#test/clouds/aws/action.ts'
import { addSubnet } from '#test/clouds/aws/actions/networks/places.ts'
import { contains, overlap, range4, type Range4 } from '#test/clouds/aws/address-math.ts'
import type { Subnet } from '#test/clouds/aws/network-records.ts'
import { filtered, notBoth, paged } from '#test/clouds/aws/querying.ts'
import { Refusal, invalidValue } from '#test/clouds/aws/refusal.ts'
import {
  filters,
  flag,
  group,
  list,
  need,
  nextToken,
  subnetId,
  tagSpecifications,
  text,
  vpcId,
  whole,
} from '#test/clouds/aws/shapes.ts'
import { find, type Region } from '#test/clouds/aws/world.ts'
import type { Xml } from '#test/clouds/aws/xml.ts'

export const describeSubnets = reading(
  { SubnetId: list(subnetId), Filter: filters, MaxResults: whole(5, 1000), NextToken: nextToken },
  ({ SubnetId, Filter, MaxResults, NextToken }, { world, region }) => {
    notBoth(SubnetId, MaxResults, 'SubnetIds')
    const found = filtered(chosen(region, region.subnets, SubnetId, 'InvalidSubnetID.NotFound'), Filter, {
      'subnet-id': ({ id }) => [id],
      'vpc-id': ({ vpcId: of }) => [of],
      'cidr-block': ({ cidr }) => [cidr],
      'availability-zone': ({ zone }) => [zone],
      'default-for-az': ({ isDefault }) => [String(isDefault)],
      state: ({ life }) => [life.state()],
    })
    const query = ['subnets', SubnetId, Filter]
    const { page, nextToken: next } = paged(world, found, {
      query,
      maxResults: MaxResults,
      nextToken: NextToken,
    })
    return { subnetSet: page.map((subnet) => describe(subnet, world.accountId)), nextToken: next }
  },
)

export const createSubnet = changing(
  {
    VpcId: need(vpcId),
    CidrBlock: need(text()),
    AvailabilityZone: text(),
    TagSpecification: tagSpecifications,
  },
  (input, { world, region }) => {
    const vpc = find(region, region.vpcs, input.VpcId, 'InvalidVpcID.NotFound')
    const range = rangeIn(input.CidrBlock, range4(vpc.cidr))
    const taken = [...region.subnets.values()].some((subnet) => {
      const other = range4(subnet.cidr)
      return subnet.vpcId === vpc.id && other !== undefined && overlap(range, other)
    })
    if (taken)
      throw new Refusal(
        'InvalidSubnet.Conflict',
        `The CIDR '${input.CidrBlock}' conflicts with another subnet`,
      )
    const zone = input.AvailabilityZone ?? region.zones[0] ?? ''
    if (!region.zones.includes(zone)) {
      throw invalidValue(
        `Value (${zone}) for parameter availabilityZone is invalid. Subnets can currently only be created in the following availability zones: ${region.zones.join(', ')}.`,
      )
    }
    const subnet = addSubnet(world, region, {
      vpcId: vpc.id,
      cidr: range.text,
      zone,
      isDefault: false,
      tags: tagsFor('subnet', input.TagSpecification),
    })
    region.visible.add(subnet.id)
    return { subnet: describe(subnet, world.accountId) }
  },
)

export const modifySubnetAttribute = changing(
  { SubnetId: need(subnetId), MapPublicIpOnLaunch: group({ Value: need(flag) }) },
  (input, { region }) => {
    const subnet = find(region, region.subnets, input.SubnetId, 'InvalidSubnetID.NotFound')
    if (input.MapPublicIpOnLaunch === undefined)
      throw new Refusal('InvalidParameterCombination', 'No attributes specified.')
    subnet.mapPublicIp = input.MapPublicIpOnLaunch.Value
    return done
  },
)

export const deleteSubnet = changing({ SubnetId: need(subnetId) }, (input, { region }) => {
  const subnet = find(region, region.subnets, input.SubnetId, 'InvalidSubnetID.NotFound')
  if (interfacesIn(region, subnet.id)) {
    throw new Refusal(
      'DependencyViolation',
      `The subnet '${subnet.id}' has dependencies and cannot be deleted.`,
    )
  }
  region.subnets.delete(subnet.id)
  return done
})

const interfacesIn = (region: Region, id: string): boolean =>
  [...region.interfaces.values()].some(({ subnetId: of }) => of === id)

function rangeIn(cidr: string, vpc: Range4 | undefined): Range4 {
  const range = range4(cidr)
  if (!range)
    throw invalidValue(`Value (${cidr}) for parameter cidrBlock is invalid. This is not a valid CIDR block.`)
  const fits = range.prefix >= 16 && range.prefix <= 28 && vpc !== undefined && contains(vpc, range)
  if (fits) return range
  throw new Refusal('InvalidSubnet.Range', `The CIDR '${cidr}' is invalid.`)
}

const describe = (subnet: Subnet, ownerId: string): Xml => ({
  subnetId: subnet.id,
  subnetArn: `arn:aws:ec2:${subnet.zone.slice(0, -1)}:${ownerId}:subnet/${subnet.id}`,
  ownerId,
  vpcId: subnet.vpcId,
  state: subnet.life.state(),
  cidrBlock: subnet.cidr,
  availabilityZone: subnet.zone,
  availableIpAddressCount: 2 ** (32 - Number(subnet.cidr.split('/')[1])) - 5,
  defaultForAz: subnet.isDefault,
  mapPublicIpOnLaunch: subnet.mapPublicIp,
  tagSet: tagsOf(subnet.tags),
})
