import { changing, chosen, done, reading, tagsFor, tagsOf } from '#test/clouds/aws/action.ts'
import { addVpc } from '#test/clouds/aws/actions/networks/places.ts'
import { range4 } from '#test/clouds/aws/address-math.ts'
import type { Vpc } from '#test/clouds/aws/network-records.ts'
import { filtered, notBoth, paged } from '#test/clouds/aws/querying.ts'
import { Refusal, invalidValue } from '#test/clouds/aws/refusal.ts'
import {
  filters,
  list,
  need,
  nextToken,
  tagSpecifications,
  text,
  vpcId,
  whole,
} from '#test/clouds/aws/shapes.ts'
import { find } from '#test/clouds/aws/world.ts'
import type { Xml } from '#test/clouds/aws/xml.ts'

export const describeVpcs = reading(
  { VpcId: list(vpcId), Filter: filters, MaxResults: whole(5, 1000), NextToken: nextToken },
  ({ VpcId, Filter, MaxResults, NextToken }, { world, region }) => {
    notBoth(VpcId, MaxResults, 'VpcIds')
    const found = filtered(chosen(region, region.vpcs, VpcId, 'InvalidVpcID.NotFound'), Filter, {
      'vpc-id': ({ id }) => [id],
      cidr: ({ cidr }) => [cidr],
      'cidr-block-association.cidr-block': ({ cidr }) => [cidr],
      state: ({ life }) => [life.state()],
      'is-default': ({ isDefault }) => [String(isDefault)],
      'owner-id': () => [world.accountId],
    })
    const query = ['vpcs', VpcId, Filter]
    const { page, nextToken: next } = paged(world, found, {
      query,
      maxResults: MaxResults,
      nextToken: NextToken,
    })
    return { vpcSet: page.map((vpc) => describe(vpc, world.accountId)), nextToken: next }
  },
)

export const createVpc = changing(
  {
    CidrBlock: need(text()),
    InstanceTenancy: text({ pattern: /^(default|dedicated)$/ }),
    TagSpecification: tagSpecifications,
  },
  ({ CidrBlock, TagSpecification }, { world, region }) => {
    const range = range4(CidrBlock)
    if (!range)
      throw invalidValue(
        `Value (${CidrBlock}) for parameter cidrBlock is invalid. This is not a valid CIDR block.`,
      )
    if (range.prefix < 16 || range.prefix > 28)
      throw new Refusal('InvalidVpc.Range', `The CIDR '${CidrBlock}' is invalid.`)
    if (region.vpcs.size >= world.vpcQuota)
      throw new Refusal('VpcLimitExceeded', 'The maximum number of VPCs has been reached.')
    const vpc = addVpc(world, region, {
      cidr: range.text,
      isDefault: false,
      tags: tagsFor('vpc', TagSpecification),
    })
    region.visible.add(vpc.id)
    return { vpc: describe(vpc, world.accountId) }
  },
)

export const deleteVpc = changing({ VpcId: need(vpcId) }, (input, { region }) => {
  const vpc = find(region, region.vpcs, input.VpcId, 'InvalidVpcID.NotFound')
  const inside = (of: { vpcId: string | undefined }) => of.vpcId === vpc.id
  const groups = [...region.groups.values()].filter(inside)
  const held =
    [...region.subnets.values()].some(inside) ||
    [...region.gateways.values()].some(inside) ||
    groups.some(({ name }) => name !== 'default')
  if (held)
    throw new Refusal('DependencyViolation', `The vpc '${vpc.id}' has dependencies and cannot be deleted.`)
  for (const { id } of groups) region.groups.delete(id)
  for (const { id } of [...region.routeTables.values()].filter(inside)) region.routeTables.delete(id)
  region.vpcs.delete(vpc.id)
  return done
})

const describe = ({ id, cidr, isDefault, life, tags }: Vpc, ownerId: string): Xml => ({
  vpcId: id,
  ownerId,
  state: life.state(),
  cidrBlock: cidr,
  cidrBlockAssociationSet: [
    {
      cidrBlock: cidr,
      associationId: `vpc-cidr-assoc-${id.slice(4)}`,
      cidrBlockState: { state: 'associated' },
    },
  ],
  dhcpOptionsId: 'default',
  instanceTenancy: 'default',
  isDefault,
  tagSet: tagsOf(tags),
})
