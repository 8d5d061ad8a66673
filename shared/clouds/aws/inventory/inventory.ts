import type { CloudRef, InventoryFacet, OwnedResource } from '#shared/clouds/port.ts'
import { isNotFound, CloudError } from '#shared/clouds/errors.ts'
import type { AwsClients } from '#shared/clouds/aws/clients.ts'
import { deregister, describeImages } from '#shared/clouds/aws/compute/images.ts'
import { describeInstances } from '#shared/clouds/aws/compute/instances.ts'
import { tagFilters, toTags } from '#shared/clouds/aws/mapping.ts'
import { pages } from '#shared/clouds/aws/paging.ts'
import { deleteSnapshot, describeSnapshots } from '#shared/clouds/aws/disks/snapshots.ts'

/** What carries our owner tags in EC2, in the order in which it can be removed. */
export function createInventory(
  aws: AwsClients,
  terminate: (ref: CloudRef) => Promise<void>,
): InventoryFacet {
  const removals: Record<string, (ref: CloudRef) => Promise<void>> = {
    vm: terminate,
    image: (ref) => deregister(aws, ref),
    snapshot: (ref) => deleteSnapshot(aws, ref),
    disk: (ref) => deleteVolume(aws, ref),
  }
  return {
    settlesMs: aws.settings.options.consistency_ms,
    async *owned({ region, tags }) {
      const Filters = tagFilters(tags)
      const as = (kind: string, id: string | undefined, of: Parameters<typeof toTags>[0]): OwnedResource[] =>
        id === undefined ? [] : [named({ region, kind, id, tags: toTags(of) })]

      const alive = {
        Name: 'instance-state-name',
        Values: ['pending', 'running', 'stopping', 'stopped', 'shutting-down'],
      }
      for await (const vm of describeInstances(aws, region, { Filters: [...Filters, alive] })) {
        yield* as('vm', vm.InstanceId, vm.Tags)
      }
      for (const image of await describeImages(aws, region, { Owners: ['self'], Filters })) {
        yield* as('image', image.ImageId, image.Tags)
      }
      for await (const snapshot of describeSnapshots(aws, region, { OwnerIds: ['self'], Filters })) {
        yield* as('snapshot', snapshot.SnapshotId, snapshot.Tags)
      }
      const volumes = pages((token) =>
        aws.ec2(region, 'DescribeVolumes', (ec2, http) =>
          ec2.describeVolumes({ Filters, MaxResults: 500, ...token }, http),
        ),
      )
      for await (const { Volumes = [] } of volumes) {
        for (const volume of Volumes) yield* as('disk', volume.VolumeId, volume.Tags)
      }
    },

    async remove(resource) {
      const removal = removals[resource.kind]
      if (removal) return removal(resource)
      throw new CloudError(`AWS adapter cannot remove a ${resource.kind}.`, {
        cloud: 'aws',
        operation: 'remove',
        code: 'unsupported',
        remedy: `Kinds: ${Object.keys(removals).join(', ')}.`,
      })
    },
  }
}

async function deleteVolume(aws: AwsClients, { region, id }: CloudRef): Promise<void> {
  try {
    await aws.ec2(region, 'DeleteVolume', (ec2, http) => ec2.deleteVolume({ VolumeId: id }, http))
  } catch (error) {
    if (!isNotFound(error)) throw error
  }
}

const named = (resource: OwnedResource): OwnedResource =>
  resource.tags['Name'] === undefined ? resource : { ...resource, name: resource.tags['Name'] }
