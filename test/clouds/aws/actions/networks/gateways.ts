import { changing, chosen, done, reading, tagsFor, tagsOf } from '#test/clouds/aws/action.ts'
import { range4 } from '#test/clouds/aws/address-math.ts'
import type { Gateway, RouteTable } from '#test/clouds/aws/network-records.ts'
import { filtered, notBoth, paged } from '#test/clouds/aws/querying.ts'
import { Refusal, invalidValue } from '#test/clouds/aws/refusal.ts'
import {
  filters,
  gatewayId,
  list,
  need,
  nextToken,
  routeTableId,
  tagSpecifications,
  text,
  vpcId,
  whole,
} from '#test/clouds/aws/shapes.ts'
import { find, newId } from '#test/clouds/aws/world.ts'
import type { Xml } from '#test/clouds/aws/xml.ts'

const unknownGateway = 'InvalidInternetGatewayID.NotFound'

export const describeInternetGateways = reading(
  { InternetGatewayId: list(gatewayId), Filter: filters, MaxResults: whole(5, 1000), NextToken: nextToken },
  ({ InternetGatewayId, Filter, MaxResults, NextToken }, { world, region }) => {
    notBoth(InternetGatewayId, MaxResults, 'InternetGatewayIds')
    const found = filtered(chosen(region, region.gateways, InternetGatewayId, unknownGateway), Filter, {
      'internet-gateway-id': ({ id }) => [id],
      'attachment.vpc-id': ({ vpcId: of }) => [of],
      'attachment.state': ({ vpcId: of }) => [of === undefined ? undefined : 'available'],
      'owner-id': () => [world.accountId],
    })
    const query = ['gateways', InternetGatewayId, Filter]
    const { page, nextToken: next } = paged(world, found, {
      query,
      maxResults: MaxResults,
      nextToken: NextToken,
    })
    return { internetGatewaySet: page.map((each) => describe(each, world.accountId)), nextToken: next }
  },
)

export const createInternetGateway = changing(
  { TagSpecification: tagSpecifications },
  ({ TagSpecification }, { world, region }) => {
    const gateway: Gateway = {
      id: newId('igw'),
      seq: world.nextSeq(),
      tags: tagsFor('internet-gateway', TagSpecification),
      vpcId: undefined,
    }
    region.gateways.set(gateway.id, gateway)
    region.visible.add(gateway.id)
    return { internetGateway: describe(gateway, world.accountId) }
  },
)

export const attachInternetGateway = changing(
  { InternetGatewayId: need(gatewayId), VpcId: need(vpcId) },
  (input, { region }) => {
    const gateway = find(region, region.gateways, input.InternetGatewayId, unknownGateway)
    const vpc = find(region, region.vpcs, input.VpcId, 'InvalidVpcID.NotFound')
    if (gateway.vpcId !== undefined) {
      throw new Refusal(
        'Resource.AlreadyAssociated',
        `resource ${gateway.id} is already attached to network ${gateway.vpcId}`,
      )
    }
    if ([...region.gateways.values()].some((each) => each.vpcId === vpc.id)) {
      throw new Refusal('InvalidParameterValue', `Network ${vpc.id} already has an internet gateway attached`)
    }
    gateway.vpcId = vpc.id
    return done
  },
)

export const detachInternetGateway = changing(
  { InternetGatewayId: need(gatewayId), VpcId: need(vpcId) },
  (input, { region }) => {
    const gateway = find(region, region.gateways, input.InternetGatewayId, unknownGateway)
    if (gateway.vpcId !== input.VpcId)
      throw new Refusal(
        'Gateway.NotAttached',
        `resource ${gateway.id} is not attached to network ${input.VpcId}`,
      )
    const mapped = [...region.interfaces.values()].some(
      ({ subnetId, instanceId }) =>
        instanceId !== undefined && region.subnets.get(subnetId)?.vpcId === gateway.vpcId,
    )
    if (mapped) {
      throw new Refusal(
        'DependencyViolation',
        `Network ${gateway.vpcId} has some mapped public address(es). Please unmap those public address(es) before detaching the gateway.`,
      )
    }
    gateway.vpcId = undefined
    return done
  },
)

export const deleteInternetGateway = changing({ InternetGatewayId: need(gatewayId) }, (input, { region }) => {
  const gateway = find(region, region.gateways, input.InternetGatewayId, unknownGateway)
  if (gateway.vpcId !== undefined) {
    throw new Refusal(
      'DependencyViolation',
      `The internetGateway '${gateway.id}' has dependencies and cannot be deleted.`,
    )
  }
  region.gateways.delete(gateway.id)
  return done
})

export const describeRouteTables = reading(
  { RouteTableId: list(routeTableId), Filter: filters, MaxResults: whole(5, 100), NextToken: nextToken },
  ({ RouteTableId, Filter, MaxResults, NextToken }, { world, region }) => {
    notBoth(RouteTableId, MaxResults, 'RouteTableIds')
    const all = chosen(region, region.routeTables, RouteTableId, 'InvalidRouteTableID.NotFound')
    const found = filtered(
      all.filter(({ vpcId: of }) => region.visible.has(of)),
      Filter,
      {
        'route-table-id': ({ id }) => [id],
        'vpc-id': ({ vpcId: of }) => [of],
        // Each VPC has its main one, and no other.
        'association.main': () => ['true'],
        'route.gateway-id': ({ routes }) => [...routes.values()],
        'route.destination-cidr-block': ({ routes }) => [...routes.keys()],
      },
    )
    const query = ['tables', RouteTableId, Filter]
    const { page, nextToken: next } = paged(world, found, {
      query,
      maxResults: MaxResults,
      nextToken: NextToken,
    })
    return {
      routeTableSet: page.map((table) => describeTable(table, world.accountId, region.gateways)),
      nextToken: next,
    }
  },
)

export const createRoute = changing(
  { RouteTableId: need(routeTableId), DestinationCidrBlock: need(text()), GatewayId: need(gatewayId) },
  (input, { region }) => {
    const table = find(region, region.routeTables, input.RouteTableId, 'InvalidRouteTableID.NotFound')
    const gateway = find(region, region.gateways, input.GatewayId, unknownGateway)
    const range = range4(input.DestinationCidrBlock)
    if (!range)
      throw invalidValue(
        `Value (${input.DestinationCidrBlock}) for parameter destinationCidrBlock is invalid.`,
      )
    if (gateway.vpcId !== table.vpcId) {
      throw new Refusal(
        'InvalidParameterValue',
        `route table ${table.id} and network gateway ${gateway.id} belong to different networks`,
      )
    }
    // The same route again is answered as done.
    const there = table.routes.get(range.text)
    if (there !== undefined && there !== gateway.id) {
      throw new Refusal('RouteAlreadyExists', `The route identified by ${range.text} already exists.`)
    }
    table.routes.set(range.text, gateway.id)
    return done
  },
)

const describe = ({ id, vpcId: of, tags }: Gateway, ownerId: string): Xml => ({
  internetGatewayId: id,
  ownerId,
  attachmentSet: of === undefined ? [] : [{ vpcId: of, state: 'available' }],
  tagSet: tagsOf(tags),
})

const describeTable = (
  { id, vpcId: of, routes, tags }: RouteTable,
  ownerId: string,
  gateways: ReadonlyMap<string, Gateway>,
): Xml => ({
  routeTableId: id,
  vpcId: of,
  ownerId,
  routeSet: [...routes].map(([destinationCidrBlock, target]) => ({
    destinationCidrBlock,
    gatewayId: target,
    state: target === 'local' || gateways.get(target)?.vpcId === of ? 'active' : 'blackhole',
    origin: target === 'local' ? 'CreateRouteTable' : 'CreateRoute',
  })),
  associationSet: [
    {
      routeTableAssociationId: `rtbassoc-${id.slice(4)}`,
      routeTableId: id,
      main: true,
      associationState: { state: 'associated' },
    },
  ],
  tagSet: tagsOf(tags),
})
