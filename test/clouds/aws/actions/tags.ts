import { addTags, changing, done, type Scene } from '#test/clouds/aws/action.ts'
import { Refusal } from '#test/clouds/aws/refusal.ts'
import { group, list, need, tagList, text } from '#test/clouds/aws/shapes.ts'
import { find, type Tagged } from '#test/clouds/aws/world.ts'

export const createTags = changing(
  { ResourceId: need(list(text())), Tag: need(tagList) },
  ({ ResourceId, Tag }, scene) => {
    for (const { tags } of ResourceId.map((id) => taggable(scene, id))) addTags(tags, Tag)
    return done
  },
)

export const deleteTags = changing(
  { ResourceId: need(list(text())), Tag: list(group({ Key: need(text()), Value: text() })) },
  ({ ResourceId, Tag }, scene) => {
    for (const { tags } of ResourceId.map((id) => taggable(scene, id))) {
      if (Tag.length === 0) tags.clear()
      for (const { Key, Value } of Tag) if (Value === undefined || tags.get(Key) === Value) tags.delete(Key)
    }
    return done
  },
)

function taggable({ region }: Scene, id: string): Tagged {
  const kinds: Record<string, [Map<string, Tagged>, string]> = {
    i: [region.instances, 'InvalidInstanceID.NotFound'],
    vol: [region.volumes, 'InvalidVolume.NotFound'],
    snap: [region.snapshots, 'InvalidSnapshot.NotFound'],
    ami: [region.images, 'InvalidAMIID.NotFound'],
    sg: [region.groups, 'InvalidGroup.NotFound'],
    vpc: [region.vpcs, 'InvalidVpcID.NotFound'],
    subnet: [region.subnets, 'InvalidSubnetID.NotFound'],
    igw: [region.gateways, 'InvalidInternetGatewayID.NotFound'],
    rtb: [region.routeTables, 'InvalidRouteTableID.NotFound'],
    eni: [region.interfaces, 'InvalidNetworkInterfaceID.NotFound'],
    eipalloc: [region.addresses, 'InvalidAllocationID.NotFound'],
  }
  const kind = kinds[id.split('-')[0] ?? '']
  if (!kind) throw new Refusal('InvalidID', `The ID '${id}' is not valid`)
  return find(region, kind[0], id, kind[1])
}
