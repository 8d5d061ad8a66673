import type { Input } from '#test/clouds/aws/actions/compute/run.ts'
import { defaultVpc } from '#test/clouds/aws/actions/networks/places.ts'
import type { SecurityGroup, Subnet } from '#test/clouds/aws/network-records.ts'
import { Refusal, invalidValue } from '#test/clouds/aws/refusal.ts'
import { find, type Region } from '#test/clouds/aws/world.ts'

/** The subnet that the instances go to: the one named, else that of the default network in the zone. */
export function placeOf({ SubnetId, Placement }: Input, region: Region): Subnet {
  const zone = Placement?.AvailabilityZone
  if (zone !== undefined && !region.zones.includes(zone))
    throw invalidValue(`Invalid availability zone: [${zone}]`)
  if (Placement?.GroupName !== undefined && !region.placementGroups.has(Placement.GroupName)) {
    throw new Refusal(
      'InvalidPlacementGroup.Unknown',
      `The Placement Group '${Placement.GroupName}' is unknown.`,
    )
  }
  if (SubnetId === undefined) {
    const standard = [...region.subnets.values()].find(
      (subnet) => subnet.isDefault && subnet.zone === (zone ?? region.zones[0]),
    )
    if (standard) return standard
    throw new Refusal('MissingInput', 'No subnets found for the default VPC. Please specify a subnet.')
  }
  const subnet = find(region, region.subnets, SubnetId, 'InvalidSubnetID.NotFound')
  if (subnet.life.state() !== 'available')
    throw new Refusal('InvalidSubnetID.NotFound', `The subnet ID '${SubnetId}' does not exist`)
  if (zone !== undefined && zone !== subnet.zone)
    throw invalidValue(`The specified subnet '${SubnetId}' is not in the availability zone '${zone}'`)
  return subnet
}

/** Names are those of the default network alone, and cannot be given with a subnet. */
export function groupsFor(
  { SecurityGroupId, SecurityGroup: names, SubnetId }: Input,
  region: Region,
  subnet: Subnet,
): string[] {
  if (names.length > 0 && SubnetId !== undefined) {
    throw new Refusal(
      'InvalidParameterCombination',
      'The parameter groupName cannot be used with the parameter subnet',
    )
  }
  const found = [
    ...SecurityGroupId.map((id) => find(region, region.groups, id, 'InvalidGroup.NotFound')),
    ...names.map((name) => named(region, defaultVpc(region)?.id ?? '', name)),
  ]
  const foreign = found.find(({ vpcId }) => vpcId !== subnet.vpcId)
  if (foreign) {
    throw new Refusal(
      'InvalidParameter',
      `Security group ${foreign.id} and subnet ${subnet.id} belong to different networks.`,
    )
  }
  return found.length > 0 ? found.map(({ id }) => id) : [named(region, subnet.vpcId, 'default').id]
}

function named(region: Region, vpcId: string, name: string): SecurityGroup {
  const group = [...region.groups.values()].find((each) => each.vpcId === vpcId && each.name === name)
  if (group) return group
  throw new Refusal('InvalidGroup.NotFound', `The security group '${name}' does not exist in VPC '${vpcId}'`)
}
