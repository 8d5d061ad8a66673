import type { Capabilities, Operation } from '#shared/clouds/operations.ts'

/** The part of operations that machines.ts declares; services.ts declares the rest. */
export type MachineOperation = Exclude<
  Extract<
    Operation,
    | `identity.${string}`
    | `compute.${string}`
    | `disks.${string}`
    | `networks.${string}`
    | `storage.volumes.${string}`
    | `inventory.${string}`
  >,
  'compute.resize.live'
>

const waits = {
  zone: 'compute.zoneOperations.wait',
  region: 'compute.regionOperations.wait',
  global: 'compute.globalOperations.wait',
} as const
const put = ['storage.buckets.get', 'storage.buckets.insert', 'storage.objects.insert'] as const
const clear = ['storage.objects.list', 'storage.objects.delete'] as const
const endExport = [
  'cloudbuild.projects.builds.list',
  'cloudbuild.projects.builds.cancel',
  'cloudbuild.projects.builds.get',
] as const
const exporting = [
  ...put,
  'storage.objects.get',
  'cloudbuild.projects.builds.list',
  'cloudbuild.projects.builds.create',
  'cloudbuild.projects.builds.get',
] as const
const create = [
  'compute.regions.get',
  'compute.instances.get',
  'compute.instances.insert',
  waits.zone,
] as const

/** Identity, compute, disks, networks, volumes and inventory, by the names of Google's REST reference. */
export const machineOperations: Pick<Capabilities['operations'], MachineOperation> = {
  'identity.validate': { calls: ['compute.projects.get'] },
  'identity.regions': { calls: ['compute.regions.list'] },
  'compute.sizes': { calls: ['compute.regions.get', 'compute.machineTypes.list'] },
  'compute.customSize': {
    calls: ['compute.regions.get', 'compute.machineTypes.get'],
    note: 'custom-<vcpus>-<MiB> is of the series N1; others by their name, such as n2-custom-4-8192 or e2-custom-2-4096.',
  },
  'compute.create': {
    calls: [
      ...create,
      'compute.firewalls.list',
      'compute.subnetworks.get',
      'compute.images.delete',
      waits.global,
      ...endExport,
      ...clear,
    ],
    note: 'Without a zone the region’s zones are taken in turn. Written disks become its disks as images; creating once more when it runs removes those.',
  },
  'compute.create.spot': { calls: create },
  'compute.create.spot_price_cap': {
    lacking: 'Spot prices of Google Cloud change at most once a day and know no bids.',
    remedy: 'Leave the cap out, and compare the present spot price before creating.',
  },
  'compute.create.dedicated': {
    lacking:
      'Sole-tenant nodes are reserved as node groups before a VM can be put on them, and NovaCron reserves none.',
    remedy: 'Use shared hardware, or another cloud.',
  },
  'compute.create.placement_group': {
    calls: create,
    note: 'A placement group is a resource policy for group placement of the same region.',
  },
  'compute.create.detailed_monitoring': {
    calls: create,
    note: 'Every VM is measured by the minute; nothing has to be turned on.',
  },
  'compute.create.customer_key': {
    calls: create,
    note: 'The key is the name of a Cloud KMS key; the Compute Engine service agent must be allowed to use it.',
  },
  'compute.get': {
    calls: ['compute.instances.get', 'compute.instances.aggregatedList'],
    note: 'A bare name is looked for in all zones.',
  },
  'compute.list': { calls: ['compute.instances.aggregatedList'] },
  'compute.start': { calls: ['compute.instances.start'] },
  'compute.stop': { calls: ['compute.instances.stop'] },
  'compute.restart': { calls: ['compute.instances.reset'] },
  'compute.suspend': {
    calls: ['compute.instances.suspend'],
    note: 'Up to 208 GB of memory, for at most 60 days; not with GPUs or local SSDs.',
  },
  'compute.resume': { calls: ['compute.instances.resume'] },
  'compute.resize': { calls: ['compute.instances.get', 'compute.instances.setMachineType', waits.zone] },
  'compute.setTags': {
    calls: [
      'compute.instances.get',
      'compute.instances.setLabels',
      'compute.instances.setMetadata',
      waits.zone,
    ],
    note: 'Labels take lower-case letters, digits, _ and -; tags with other characters are kept in the VM’s metadata.',
  },
  'compute.swapDisk': {
    calls: [
      'compute.instances.get',
      'compute.instances.detachDisk',
      'compute.instances.attachDisk',
      waits.zone,
    ],
  },
  'compute.delete': {
    calls: ['compute.instances.delete'],
    note: 'Attached volumes and addresses that were kept for it stay.',
  },
  'compute.consoleOutput': { calls: ['compute.instances.getSerialPortOutput'] },
  'disks.createSnapshot': { calls: ['compute.snapshots.get', 'compute.disks.createSnapshot'] },
  'disks.getSnapshot': { calls: ['compute.snapshots.get'] },
  'disks.listSnapshots': {
    calls: ['compute.snapshots.list'],
    note: 'Snapshots are global; they are told by the region of their disk.',
  },
  'disks.deleteSnapshot': {
    calls: [
      'compute.snapshots.get',
      ...endExport,
      ...clear,
      'compute.images.delete',
      'compute.snapshots.delete',
      waits.global,
    ],
  },
  'disks.openSnapshot': {
    calls: [
      'compute.snapshots.get',
      'compute.images.insert',
      ...exporting,
      'compute.images.delete',
      waits.global,
    ],
    note: 'Google has no call that reads a disk: Cloud Build exports it to a bucket as QCOW2 (minutes, by its size), which is read by ranges.',
  },
  'disks.openChanges': {
    lacking: 'Google Cloud does not tell which blocks of a disk changed between two snapshots.',
    remedy:
      'Copy the whole disk again; chunks that are the same are seen and skipped where the target allows it.',
  },
  'disks.createDisk': {
    calls: put,
    note: 'Waits in the staging bucket until it is sealed. Disks are of whole GiB.',
  },
  'disks.write_delta': {
    lacking: 'A new disk of Google Cloud is made of a whole image; none can begin as another one’s changes.',
    remedy: 'Write the whole disk.',
  },
  'disks.write': { calls: ['storage.objects.get', 'compute.images.get', 'storage.objects.insert'] },
  'disks.sealDisk': {
    calls: [
      'storage.objects.get',
      'compute.images.get',
      'storage.objects.insert',
      'storage.objects.compose',
      'compute.images.insert',
      waits.global,
      ...clear,
    ],
    note: 'The chunks become one tar.gz inside Cloud Storage and that an image; nothing is sent twice.',
  },
  'disks.openDisk': { calls: ['compute.images.get', ...exporting] },
  'disks.deleteDisk': { calls: ['compute.images.delete', waits.global, ...endExport, ...clear] },
  'networks.list': { calls: ['compute.networks.list', 'compute.subnetworks.list'] },
  'networks.get': { calls: ['compute.networks.get', 'compute.subnetworks.list'] },
  'networks.create': {
    calls: ['compute.networks.insert', waits.global],
    note: 'Networks are global and have no range of their own; their subnets do.',
  },
  'networks.delete': { calls: ['compute.networks.delete', waits.global] },
  'networks.subnets.create': { calls: ['compute.subnetworks.insert', waits.region] },
  'networks.subnets.delete': { calls: ['compute.subnetworks.delete', waits.region] },
  'networks.securityGroups.list': { calls: ['compute.firewalls.list'] },
  'networks.securityGroups.get': { calls: ['compute.firewalls.list'] },
  'networks.securityGroups.create': {
    calls: ['compute.firewalls.insert', waits.global],
    note: 'A security group is a network tag and the firewall rules that aim at it; VMs carry the tag.',
  },
  'networks.securityGroups.setRules': {
    calls: ['compute.firewalls.list', 'compute.firewalls.insert', 'compute.firewalls.delete', waits.global],
  },
  'networks.securityGroups.delete': {
    calls: [
      'compute.firewalls.list',
      'compute.instances.aggregatedList',
      'compute.firewalls.delete',
      waits.global,
    ],
  },
  'networks.addresses.list': { calls: ['compute.addresses.list'] },
  'networks.addresses.get': { calls: ['compute.addresses.get'] },
  'networks.addresses.create': { calls: ['compute.addresses.insert', waits.region] },
  'networks.addresses.associate': {
    calls: [
      'compute.addresses.get',
      'compute.instances.get',
      'compute.instances.deleteAccessConfig',
      'compute.instances.addAccessConfig',
      waits.zone,
    ],
  },
  'networks.addresses.disassociate': {
    calls: [
      'compute.addresses.get',
      'compute.instances.get',
      'compute.instances.deleteAccessConfig',
      waits.zone,
    ],
  },
  'networks.addresses.delete': { calls: ['compute.addresses.delete', waits.region] },
  'storage.volumes.list': { calls: ['compute.disks.aggregatedList'] },
  'storage.volumes.get': { calls: ['compute.disks.get'] },
  'storage.volumes.create': {
    calls: ['compute.disks.insert', waits.zone, 'compute.regions.get'],
    note: 'Without a zone the region’s zones are taken in turn.',
  },
  'storage.volumes.resize': { calls: ['compute.disks.get', 'compute.disks.resize', waits.zone] },
  'storage.volumes.attach': { calls: ['compute.disks.get', 'compute.instances.attachDisk', waits.zone] },
  'storage.volumes.detach': {
    calls: ['compute.disks.get', 'compute.instances.get', 'compute.instances.detachDisk', waits.zone],
  },
  'storage.volumes.delete': { calls: ['compute.disks.delete', waits.zone] },
  'inventory.owned': {
    calls: [
      'compute.instances.aggregatedList',
      'compute.disks.aggregatedList',
      'compute.snapshots.list',
      'compute.images.list',
      'compute.addresses.list',
      'compute.firewalls.list',
      'compute.subnetworks.list',
      'compute.networks.list',
      'storage.buckets.list',
      'storage.objects.list',
      'cloudbuild.projects.builds.list',
    ],
  },
  'inventory.remove': {
    calls: [
      'compute.instances.delete',
      'compute.disks.delete',
      'compute.snapshots.get',
      'compute.snapshots.delete',
      'compute.images.delete',
      'compute.addresses.delete',
      'compute.firewalls.list',
      'compute.instances.aggregatedList',
      'compute.firewalls.delete',
      'compute.subnetworks.delete',
      'compute.networks.delete',
      waits.zone,
      waits.region,
      waits.global,
      'storage.buckets.delete',
      ...endExport,
      ...clear,
    ],
  },
}
