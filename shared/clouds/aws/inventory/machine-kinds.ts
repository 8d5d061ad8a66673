import type { CloudRef } from '#shared/clouds/port.ts'
import type { AwsClients } from '#shared/clouds/aws/clients.ts'
import { deregister, describeImages } from '#shared/clouds/aws/compute/images.ts'
import { describeInstances } from '#shared/clouds/aws/compute/instances.ts'
import { deleteSnapshot, describeSnapshots } from '#shared/clouds/aws/disks/snapshots.ts'
import { owned, type OwnedKind } from '#shared/clouds/aws/inventory/kinds.ts'
import { tagFilters } from '#shared/clouds/aws/mapping.ts'
import { describeVolumes } from '#shared/clouds/aws/volumes/describe.ts'
import { deleteVolume } from '#shared/clouds/aws/volumes/volumes.ts'

/** Instances and what their disks are made of, in the order in which they can be removed. */
export const machineKinds = (aws: AwsClients, terminate: (ref: CloudRef) => Promise<void>): OwnedKind[] => [
  {
    kind: 'vm',
    async *find(region, tags) {
      const alive = {
        Name: 'instance-state-name',
        Values: ['pending', 'running', 'stopping', 'stopped', 'shutting-down'],
      }
      for await (const vm of describeInstances(aws, region, { Filters: [...tagFilters(tags), alive] })) {
        yield* owned('vm', region, vm.InstanceId, vm.Tags)
      }
    },
    remove: terminate,
  },
  {
    kind: 'image',
    async *find(region, tags) {
      for (const image of await describeImages(aws, region, {
        Owners: ['self'],
        Filters: tagFilters(tags),
      })) {
        yield* owned('image', region, image.ImageId, image.Tags)
      }
    },
    remove: (ref) => deregister(aws, ref),
  },
  {
    kind: 'snapshot',
    async *find(region, tags) {
      const query = { OwnerIds: ['self'], Filters: tagFilters(tags) }
      for await (const snapshot of describeSnapshots(aws, region, query)) {
        yield* owned('snapshot', region, snapshot.SnapshotId, snapshot.Tags)
      }
    },
    remove: (ref) => deleteSnapshot(aws, ref),
  },
  {
    kind: 'disk',
    async *find(region, tags) {
      for await (const volume of describeVolumes(aws, region, { Filters: tagFilters(tags) })) {
        yield* owned('disk', region, volume.VolumeId, volume.Tags)
      }
    },
    remove: (ref) => deleteVolume(aws, ref),
  },
]
