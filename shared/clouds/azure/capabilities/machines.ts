import { serviceOperations } from '#shared/clouds/azure/capabilities/services.ts'
import type { Capability, Operation } from '#shared/clouds/operations.ts'

/** Machines, disks, networks and what belongs to them. */
export const machineOperations = {
  'identity.validate': { calls: ['Subscriptions_Get'] },
  'identity.regions': { calls: ['Subscriptions_ListLocations'] },

  'compute.sizes': { calls: ['ResourceSkus_List'] },
  'compute.create': {
    calls: [
      'VirtualMachines_CreateOrUpdate',
      'VirtualMachines_Get',
      'VirtualMachines_InstanceView',
      'NetworkInterfaces_CreateOrUpdate',
      'NetworkInterfaces_Get',
      'NetworkSecurityGroups_Get',
      'VirtualNetworks_CreateOrUpdate',
      'VirtualNetworks_Get',
      'Subnets_Get',
      'Disks_Get',
      'Disks_RevokeAccess',
      'ResourceSkus_List',
      'ResourceGroups_CreateOrUpdate',
      'SshPublicKeys_Get',
      'GalleryImages_Get',
    ],
    note: 'A VM gets no public address. It takes one security group.',
  },
  'compute.create.spot': { calls: ['VirtualMachines_CreateOrUpdate'], note: 'An evicted VM is stopped.' },
  'compute.create.spot_price_cap': { calls: ['VirtualMachines_CreateOrUpdate'] },
  'compute.create.dedicated': {
    lacking:
      'Azure runs a VM on hardware of its own only on a dedicated host, which is bought and paid for by itself beforehand.',
    remedy: 'Take a size that fills its host, such as Standard_E96is_v5: those are alone on it.',
  },
  'compute.create.placement_group': {
    calls: ['VirtualMachines_CreateOrUpdate'],
    note: 'A proximity placement group, by its id.',
  },
  'compute.create.detailed_monitoring': {
    calls: ['VirtualMachines_CreateOrUpdate'],
    note: 'Every VM has metrics by the minute.',
  },
  'compute.create.customer_key': {
    calls: ['VirtualMachines_CreateOrUpdate'],
    note: 'A disk encryption set, by its id, that may read the key.',
  },
  'compute.get': { calls: ['VirtualMachines_Get', 'Disks_Get', 'NetworkInterfaces_Get'] },
  'compute.list': {
    calls: [
      'VirtualMachines_ListAll',
      'Disks_List',
      'NetworkInterfaces_ListAll',
      'PublicIPAddresses_ListAll',
    ],
  },
  'compute.start': { calls: ['VirtualMachines_Start'] },
  'compute.stop': {
    calls: ['VirtualMachines_Deallocate', 'VirtualMachines_Get'],
    note: 'The VM is deallocated: it is not billed.',
  },
  'compute.restart': { calls: ['VirtualMachines_Restart'] },
  'compute.suspend': {
    calls: [
      'VirtualMachines_Deallocate',
      'VirtualMachines_Get',
      'VirtualMachineExtensions_CreateOrUpdate',
      'VirtualMachineExtensions_Get',
    ],
    note: 'VMs with hibernation enabled only; it is, for the default image on sizes that can hibernate, unless at the spot price.',
  },
  'compute.resume': { calls: ['VirtualMachines_Start', 'VirtualMachines_Get'] },
  'compute.resize': { calls: ['VirtualMachines_Update', 'VirtualMachines_Get'] },
  'compute.setTags': { calls: ['VirtualMachines_Update', 'VirtualMachines_Get'] },
  'compute.swapDisk': {
    calls: [
      'VirtualMachines_Update',
      'VirtualMachines_AttachDetachDataDisks',
      'VirtualMachines_Get',
      'Disks_Get',
      'Disks_RevokeAccess',
    ],
  },
  'compute.delete': {
    calls: [
      'VirtualMachines_Delete',
      'VirtualMachines_Get',
      'VirtualMachines_Update',
      'NetworkInterfaces_Get',
      'NetworkInterfaces_CreateOrUpdate',
      'NetworkInterfaces_Delete',
      'PublicIPAddresses_Get',
      'Disks_Get',
    ],
    note: 'Volumes and public addresses that were made as such stay.',
  },
  'compute.consoleOutput': {
    calls: ['VirtualMachines_RetrieveBootDiagnosticsData', 'Blob_GetProperties', 'Blob_Download'],
  },

  'disks.createSnapshot': {
    calls: ['Snapshots_CreateOrUpdate', 'Snapshots_Get', 'ResourceGroups_CreateOrUpdate'],
    note: 'Incremental: billed for what changed.',
  },
  'disks.getSnapshot': { calls: ['Snapshots_Get'] },
  'disks.listSnapshots': { calls: ['Snapshots_List'] },
  'disks.deleteSnapshot': { calls: ['Snapshots_Delete', 'Snapshots_Get', 'Snapshots_RevokeAccess'] },
  'disks.openSnapshot': {
    calls: [
      'Snapshots_GrantAccess',
      'Snapshots_Get',
      'PageBlob_GetPageRanges',
      'Blob_Download',
      'Snapshots_RevokeAccess',
    ],
  },
  'disks.openChanges': {
    calls: [
      'Snapshots_GrantAccess',
      'Snapshots_Get',
      'PageBlob_GetPageRangesDiff',
      'Blob_Download',
      'Snapshots_RevokeAccess',
    ],
    note: 'Between incremental snapshots of one disk.',
  },
  'disks.createDisk': { calls: ['Disks_CreateOrUpdate', 'Disks_Get', 'ResourceGroups_CreateOrUpdate'] },
  'disks.write_delta': {
    lacking:
      'An upload to a managed disk begins with an empty disk: Azure takes no changes onto one that exists or onto a snapshot.',
    remedy: 'Copy the whole disk; zeros are skipped.',
  },
  'disks.write': {
    calls: ['PageBlob_UploadPages', 'Disks_Get', 'Disks_GrantAccess', 'Disks_RevokeAccess'],
  },
  'disks.sealDisk': {
    calls: ['Disks_RevokeAccess', 'Disks_Get', 'Disks_GrantAccess', 'PageBlob_UploadPages'],
  },
  'disks.openDisk': {
    calls: [
      'Disks_GrantAccess',
      'Disks_Get',
      'PageBlob_GetPageRanges',
      'Blob_Download',
      'Disks_RevokeAccess',
    ],
  },
  'disks.deleteDisk': { calls: ['Disks_Delete', 'Disks_Get', 'Disks_RevokeAccess'] },

  'networks.list': { calls: ['VirtualNetworks_ListAll'] },
  'networks.get': { calls: ['VirtualNetworks_Get'] },
  'networks.create': {
    calls: ['VirtualNetworks_CreateOrUpdate', 'VirtualNetworks_Get', 'ResourceGroups_CreateOrUpdate'],
  },
  'networks.delete': { calls: ['VirtualNetworks_Delete'] },
  'networks.subnets.create': {
    calls: ['Subnets_CreateOrUpdate', 'Subnets_Get', 'Tags_UpdateAtScope'],
    note: 'VMs reach the internet by Azure’s default outbound access. A subnet’s tags are kept with its network.',
  },
  'networks.subnets.delete': { calls: ['Subnets_Delete', 'VirtualNetworks_Get', 'Tags_UpdateAtScope'] },
  'networks.securityGroups.list': { calls: ['NetworkSecurityGroups_ListAll'] },
  'networks.securityGroups.get': { calls: ['NetworkSecurityGroups_Get'] },
  'networks.securityGroups.create': {
    calls: [
      'NetworkSecurityGroups_CreateOrUpdate',
      'NetworkSecurityGroups_Get',
      'ResourceGroups_CreateOrUpdate',
    ],
    note: 'A group stands alone and serves any network of its region.',
  },
  'networks.securityGroups.setRules': {
    calls: ['NetworkSecurityGroups_CreateOrUpdate', 'NetworkSecurityGroups_Get'],
  },
  'networks.securityGroups.delete': { calls: ['NetworkSecurityGroups_Delete'] },
  'networks.addresses.list': { calls: ['PublicIPAddresses_ListAll', 'NetworkInterfaces_ListAll'] },
  'networks.addresses.get': { calls: ['PublicIPAddresses_Get', 'NetworkInterfaces_Get'] },
  'networks.addresses.create': {
    calls: ['PublicIPAddresses_CreateOrUpdate', 'PublicIPAddresses_Get', 'ResourceGroups_CreateOrUpdate'],
  },
  'networks.addresses.associate': {
    calls: [
      'NetworkInterfaces_CreateOrUpdate',
      'NetworkInterfaces_Get',
      'PublicIPAddresses_Get',
      'VirtualMachines_Get',
    ],
  },
  'networks.addresses.disassociate': {
    calls: ['NetworkInterfaces_CreateOrUpdate', 'NetworkInterfaces_Get', 'PublicIPAddresses_Get'],
  },
  'networks.addresses.delete': { calls: ['PublicIPAddresses_Delete'] },

  'storage.volumes.list': { calls: ['Disks_List', 'VirtualMachines_ListAll'] },
  'storage.volumes.get': { calls: ['Disks_Get', 'VirtualMachines_Get'] },
  'storage.volumes.create': {
    calls: ['Disks_CreateOrUpdate', 'Disks_Get', 'ResourceGroups_CreateOrUpdate'],
    note: 'Without a zone it is of the region, for VMs that are in no zone.',
  },
  'storage.volumes.resize': {
    calls: ['Disks_Update', 'Disks_Get'],
    note: 'While attached to a running VM, not past 4 TiB and not a boot disk.',
  },
  'storage.volumes.attach': {
    calls: ['VirtualMachines_AttachDetachDataDisks', 'Disks_Get', 'Disks_Update', 'Disks_RevokeAccess'],
  },
  'storage.volumes.detach': { calls: ['VirtualMachines_AttachDetachDataDisks', 'Disks_Get'] },
  'storage.volumes.delete': { calls: ['Disks_Delete', 'Disks_Get', 'Disks_RevokeAccess'] },

  'inventory.owned': {
    calls: [
      'VirtualMachines_List',
      'NetworkInterfaces_List',
      'PublicIPAddresses_List',
      'NetworkSecurityGroups_List',
      'VirtualNetworks_List',
      'VirtualNetworks_ListAll',
      'Snapshots_ListByResourceGroup',
      'Disks_ListByResourceGroup',
      'Galleries_ListByResourceGroup',
      'GalleryImages_ListByGallery',
      'StorageAccounts_ListByResourceGroup',
    ],
  },
  'inventory.remove': {
    calls: [
      'VirtualMachines_Delete',
      'VirtualMachines_Get',
      'VirtualMachines_Update',
      'NetworkInterfaces_Delete',
      'NetworkInterfaces_Get',
      'NetworkInterfaces_CreateOrUpdate',
      'PublicIPAddresses_Delete',
      'PublicIPAddresses_Get',
      'NetworkSecurityGroups_Delete',
      'Subnets_Delete',
      'VirtualNetworks_Delete',
      'VirtualNetworks_Get',
      'Tags_UpdateAtScope',
      'Snapshots_Delete',
      'Snapshots_Get',
      'Snapshots_RevokeAccess',
      'Disks_Delete',
      'Disks_Get',
      'Disks_RevokeAccess',
      ...serviceOperations['images.delete'].calls,
      ...serviceOperations['storage.buckets.delete'].calls,
    ],
  },
} as const satisfies Partial<Record<Operation, Capability>>
