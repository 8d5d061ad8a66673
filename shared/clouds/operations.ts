import { CloudError } from '#shared/clouds/errors.ts'
import type { CloudType } from '#shared/clouds/facets/terms.ts'

/** Everything that can be asked of a cloud, by facet, with what it is called in the docs. Each cloud declares each of them. */
export const operations = {
  'identity.validate': 'Check credentials',
  'identity.regions': 'List regions and zones',
  'compute.sizes': 'List instance types',
  'compute.customSize': 'Size a VM by vCPUs and MiB of one’s own choosing',
  'compute.create': 'Create a VM',
  'compute.create.spot': '… at the spot price',
  'compute.create.spot_price_cap': '… with a cap on the spot price',
  'compute.create.dedicated': '… on hardware of its own',
  'compute.create.placement_group': '… in a placement group',
  'compute.create.detailed_monitoring': '… with metrics by the minute',
  'compute.create.customer_key': '… with disks encrypted by a key of your own',
  'compute.get': 'Get a VM',
  'compute.list': 'List VMs',
  'compute.start': 'Start a VM',
  'compute.stop': 'Stop a VM',
  'compute.restart': 'Restart a VM',
  'compute.suspend': 'Suspend a VM, keeping its memory',
  'compute.resume': 'Resume a suspended VM',
  'compute.resize': 'Change the size of a stopped VM',
  'compute.resize.live': '… while it runs',
  'compute.setTags': 'Change tags',
  'compute.swapDisk': 'Replace a disk of a stopped VM',
  'compute.delete': 'Delete a VM with disks and addresses',
  'compute.consoleOutput': 'Read the console',
  'disks.createSnapshot': 'Snapshot a disk',
  'disks.getSnapshot': 'Get a snapshot',
  'disks.listSnapshots': 'List snapshots',
  'disks.deleteSnapshot': 'Delete a snapshot',
  'disks.openSnapshot': 'Read a snapshot’s bytes',
  'disks.openChanges': 'Read only what changed between snapshots',
  'disks.createDisk': 'Make a disk to be written',
  'disks.write_delta': '… as the changes to an earlier one',
  'disks.write': 'Write a disk’s bytes',
  'disks.sealDisk': 'Finish a written disk',
  'disks.openDisk': 'Read a written disk back',
  'disks.deleteDisk': 'Delete a written disk',
  'images.list': 'List images',
  'images.get': 'Get an image',
  'images.createFromVm': 'Make an image of a VM',
  'images.importFile': 'Import an image file',
  'images.exportFile': 'Export an image file',
  'images.taskState': 'Follow an import or export',
  'images.delete': 'Delete an image',
  'networks.list': 'List networks',
  'networks.get': 'Get a network',
  'networks.create': 'Create a network',
  'networks.delete': 'Delete a network',
  'networks.subnets.create': 'Create a subnet',
  'networks.subnets.delete': 'Delete a subnet',
  'networks.securityGroups.list': 'List security groups',
  'networks.securityGroups.get': 'Get a security group',
  'networks.securityGroups.create': 'Create a security group',
  'networks.securityGroups.setRules': 'Set a security group’s rules',
  'networks.securityGroups.delete': 'Delete a security group',
  'networks.addresses.list': 'List public addresses',
  'networks.addresses.get': 'Get a public address',
  'networks.addresses.create': 'Keep a public address',
  'networks.addresses.associate': 'Lead an address to a VM',
  'networks.addresses.disassociate': 'Take an address from a VM',
  'networks.addresses.delete': 'Give up a public address',
  'storage.volumes.list': 'List volumes',
  'storage.volumes.get': 'Get a volume',
  'storage.volumes.create': 'Create a volume, also from a snapshot',
  'storage.volumes.resize': 'Grow a volume',
  'storage.volumes.attach': 'Attach a volume',
  'storage.volumes.detach': 'Detach a volume',
  'storage.volumes.delete': 'Delete a volume',
  'storage.buckets.list': 'List buckets',
  'storage.buckets.get': 'Get a bucket',
  'storage.buckets.create': 'Create a bucket',
  'storage.buckets.setLifecycle': 'Set a bucket’s lifecycle rules',
  'storage.buckets.delete': 'Delete a bucket',
  'storage.objects.list': 'List objects',
  'storage.objects.write': 'Write an object',
  'storage.objects.read': 'Read an object',
  'storage.objects.delete': 'Delete an object',
  'hosts.list': 'List hosts with their capacity',
  'hosts.setMaintenance': 'Take a host out of service',
  'hosts.relocate': 'Move a VM to another host, running or not',
  'inventory.owned': 'Find everything that a job made',
  'inventory.remove': 'Remove one of them',
  'metrics.vm': 'Metrics of a VM',
  'quotas.list': 'Quotas with usage',
  'prices.list': 'Prices on demand',
  'prices.list.spot': '… and at the spot price',
  'billing.rows': 'Billing rows in FOCUS form',
  'posture.inventory': 'Inventory for compliance checks',
  'health.probe': 'Probe the control plane',
} as const

export type Operation = keyof typeof operations

/**
 * What a cloud does for an operation: the vendor's calls behind it, by the names that the vendor's reference gives them; or why it cannot.
 * `note` says what is different on this cloud, or what must be set up first.
 */
export type Capability =
  | { calls: readonly [string, ...string[]]; note?: string }
  | { lacking: string; remedy?: string }

/** Platform services that a cloud offers beside what NovaCron operates; for placement by `required_capabilities`. */
export const features = [
  'vm_live_migration',
  'auto_scaling',
  'load_balancing',
  'block_storage',
  'object_storage',
  'container_registry',
  'kubernetes',
  'spot_instances',
  'reserved_instances',
  'gpu_compute',
  'hpc_compute',
  'database_services',
  'ml_services',
  'network_acls',
  'private_networking',
  'vpn_gateway',
  'direct_connect',
  'identity_management',
  'key_management',
  'audit_logging',
  'backup_services',
  'disaster_recovery',
] as const
export type Feature = (typeof features)[number]

export interface Capabilities {
  readonly operations: Readonly<Record<Operation, Capability>>
  /** The vendor's name of the service, or `lacking` with the reason. */
  readonly features: Readonly<Record<Feature, { service: string } | { lacking: string }>>
}

/**
 * Refuses an operation that a cloud lacks.
 * @throws CloudError `unsupported` with the declared reason.
 */
export function assertCapable(
  type: CloudType,
  { operations: declared }: Capabilities,
  operation: Operation,
): void {
  const capability = declared[operation]
  if ('calls' in capability) return
  throw new CloudError(`${type} cannot: ${operations[operation].replace(/^… /, '')}. ${capability.lacking}`, {
    cloud: type,
    operation,
    code: 'unsupported',
    ...(capability.remedy === undefined ? {} : { remedy: capability.remedy }),
  })
}
