import { randomInt } from 'node:crypto'
import type { Scene } from '#test/clouds/aws/action.ts'
import { freeAddress } from '#test/clouds/aws/actions/networks/interfaces.ts'
import { addInterface } from '#test/clouds/aws/actions/networks/places.ts'
import { addVolume } from '#test/clouds/aws/actions/volumes/volumes.ts'
import type { Subnet } from '#test/clouds/aws/network-records.ts'
import {
  attach,
  newId,
  startInstanceLife,
  type Image,
  type Instance,
  type Mapping,
} from '#test/clouds/aws/world.ts'

export type NewDisk = Omit<Mapping, 'snapshotId'> & {
  snapshotId: string | undefined
  iops: number | undefined
  encryption: { encrypted: boolean; kmsKeyId: string | undefined }
}

type Facts = Pick<
  Instance,
  | 'type'
  | 'runsIn'
  | 'groups'
  | 'reservationId'
  | 'clientToken'
  | 'keyName'
  | 'protectedFromTermination'
  | 'spot'
  | 'tenancy'
  | 'placementGroup'
  | 'detailedMonitoring'
  | 'canHibernate'
> & {
  image: Image
  subnet: Subnet
  disks: readonly NewDisk[]
  /** The tags for a kind of resource that comes with it. */
  tags: (resource: string) => Map<string, string>
}

/** Makes one instance of checked facts, with its interface and its volumes, and lets it begin to run. */
export function startInstance(scene: Scene, facts: Facts): Instance {
  const { world, region } = scene
  const { image, subnet, disks, tags, ...own } = facts
  const id = newId('i')
  const privateIp = freeAddress(region, subnet)
  const nic = addInterface(world, region, {
    tags: tags('network-interface'),
    subnetId: subnet.id,
    groups: facts.groups,
    privateIp,
    description: '',
    instanceId: id,
  })
  const instance: Instance = {
    ...own,
    id,
    seq: world.nextSeq(),
    zone: subnet.zone,
    life: startInstanceLife(world, region, () => instance),
    imageId: image.id,
    subnetId: subnet.id,
    architecture: image.architecture,
    bootMode: image.bootMode,
    enaSupport: image.enaSupport,
    rootDevice: image.rootDevice,
    devices: [],
    launchedAt: new Date(world.clock.now()),
    privateIp,
    publicIp: subnet.mapPublicIp ? `203.0.113.${randomInt(1, 254)}` : undefined,
    interfaceId: nic.id,
    reason: undefined,
    tags: tags('instance'),
  }
  for (const { device, deleteOnTermination, encryption, ...disk } of disks) {
    const volume = addVolume(scene, {
      ...disk,
      zone: subnet.zone,
      encryption,
      tags: tags('volume'),
      atOnce: true,
    })
    attach(world, instance, volume, { device, deleteOnTermination, initial: 'attached' })
  }
  region.instances.set(id, instance)
  region.visible.add(id)
  return instance
}
