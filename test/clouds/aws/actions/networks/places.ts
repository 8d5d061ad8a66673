import { createLifecycle, type Life } from '#test/clouds/core/clock.ts'
import type { NetworkInterface, SecurityGroup, Subnet, Vpc } from '#test/clouds/aws/network-records.ts'
import { newId, type Region, type World } from '#test/clouds/aws/world.ts'

/** Makes what belongs to a network: used by its actions, and for the default network that every account finds. */
export function addVpc(world: World, region: Region, facts: Pick<Vpc, 'cidr' | 'isDefault' | 'tags'>): Vpc {
  const vpc: Vpc = {
    ...facts,
    id: newId('vpc'),
    seq: world.nextSeq(),
    life: pendingLife(world, facts.isDefault),
  }
  region.vpcs.set(vpc.id, vpc)
  const tableId = newId('rtb')
  region.routeTables.set(tableId, {
    id: tableId,
    seq: world.nextSeq(),
    tags: new Map(),
    vpcId: vpc.id,
    routes: new Map([[facts.cidr, 'local']]),
  })
  addGroup(world, region, {
    name: 'default',
    description: 'default VPC security group',
    vpcId: vpc.id,
    tags: new Map(),
  })
  return vpc
}

export function addSubnet(
  world: World,
  region: Region,
  facts: Pick<Subnet, 'vpcId' | 'cidr' | 'zone' | 'isDefault' | 'tags'>,
): Subnet {
  const subnet: Subnet = {
    ...facts,
    id: newId('subnet'),
    seq: world.nextSeq(),
    mapPublicIp: facts.isDefault,
    life: pendingLife(world, facts.isDefault),
  }
  region.subnets.set(subnet.id, subnet)
  return subnet
}

/** Every group of a VPC may call everything until it is told otherwise; `default` lets its own members call it. */
export function addGroup(
  world: World,
  region: Region,
  facts: Pick<SecurityGroup, 'name' | 'description' | 'vpcId' | 'tags'>,
): SecurityGroup {
  const id = newId('sg')
  const any = { protocol: '-1', fromPort: undefined, toPort: undefined, description: undefined }
  const group: SecurityGroup = {
    ...facts,
    id,
    seq: world.nextSeq(),
    ingress:
      facts.name === 'default'
        ? [{ ...any, end: { kind: 'group', value: id, account: world.accountId } }]
        : [],
    egress: [{ ...any, end: { kind: 'v4', value: '0.0.0.0/0' } }],
  }
  region.groups.set(id, group)
  return group
}

export function addInterface(
  world: World,
  region: Region,
  facts: Omit<NetworkInterface, 'id' | 'seq'>,
): NetworkInterface {
  const made = { ...facts, id: newId('eni'), seq: world.nextSeq() }
  region.interfaces.set(made.id, made)
  return made
}

export const defaultVpc = (region: Region): Vpc | undefined =>
  [...region.vpcs.values()].find(({ isDefault }) => isDefault)

function pendingLife(world: World, ready: boolean): Life<'pending' | 'available'> {
  return createLifecycle<'pending' | 'available'>({
    clock: world.clock,
    transitions: { pending: { to: 'available', afterMs: world.delays.network } },
  }).start(ready ? 'available' : 'pending')
}
