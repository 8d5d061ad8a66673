import { unseenServices } from '#test/shared/clouds/azure/unseen-services.ts'
import type { Subject } from '#test/shared/clouds/conformance.ts'

const groupIsThere = {
  ResourceGroups_CreateOrUpdate: 'only the first thing that is made in a subscription makes the group',
}
const tornAccess = 'only where a reader died without giving back its access'
const foreign = 'only for VMs that others made, whose disks and addresses are not marked to go with them'

/** Calls that the conformance suite does not provoke; tests of their own do, where nothing else is said. */
export const unseen: Subject['dialect']['unseen'] = {
  ...unseenServices,
  'compute.create': {
    VirtualMachines_InstanceView: 'only after Azure gave a creation up',
    ResourceSkus_List: 'the sizes were asked for before, and are kept for a while',
    SshPublicKeys_Get: 'only for a key pair by name',
    Disks_RevokeAccess: tornAccess,
  },
  'compute.delete': {
    VirtualMachines_Update: foreign,
    NetworkInterfaces_CreateOrUpdate: foreign,
  },
  'compute.swapDisk': {
    VirtualMachines_AttachDetachDataDisks: 'only for data disks',
    Disks_RevokeAccess: tornAccess,
  },
  'compute.consoleOutput': {
    Blob_GetProperties: 'no machine boots in the suite',
    Blob_Download: 'no machine boots in the suite',
  },
  'disks.createSnapshot': groupIsThere,
  'disks.createDisk': groupIsThere,
  'disks.deleteSnapshot': { Snapshots_RevokeAccess: tornAccess },
  'disks.deleteDisk': { Disks_RevokeAccess: 'only for a disk whose upload has not ended' },
  'networks.create': groupIsThere,
  'networks.securityGroups.create': groupIsThere,
  'networks.addresses.create': groupIsThere,
  'storage.volumes.create': groupIsThere,
  'storage.volumes.attach': {
    Disks_Update: 'only for a disk that was not made as a volume',
    Disks_RevokeAccess: tornAccess,
  },
  'storage.volumes.delete': { Disks_RevokeAccess: tornAccess },
  'inventory.remove': {
    ...unseenServices['inventory.remove'],
    PublicIPAddresses_Get: 'only for a VM that has a public address',
    VirtualMachines_Update: foreign,
    NetworkInterfaces_CreateOrUpdate: foreign,
    Snapshots_RevokeAccess: tornAccess,
    Disks_RevokeAccess: tornAccess,
  },
}
