import type { Subject } from '#test/shared/clouds/conformance.ts'

const twin = 'takes away a second one of the same intent: disks.test.ts, twins.test.ts'
const foreign = 'for volumes that EC2 would keep: power.test.ts'
const image = 'for VMs made of disks: vms.test.ts'

/** Declared calls that the suite, which knows no AWS, does not provoke; each with where it is. */
export const unseenMachineCalls: Subject['dialect']['unseen'] = {
  'compute.create': {
    DescribeSubnets: 'for security groups given by name with a subnet: wishes.test.ts',
  },
  'compute.delete': { ModifyInstanceAttribute: foreign, DeregisterImage: image, DeleteSnapshot: image },
  'compute.list': {
    DescribeRegions: 'for a registration without regions: vms.test.ts',
    DescribeAvailabilityZones: 'for a registration without regions: vms.test.ts',
  },
  'disks.createDisk': { GetCallerIdentity: 'for a key given by its id: deltas.test.ts' },
  'disks.createSnapshot': { DeleteSnapshot: twin },
  'disks.deleteDisk': { DescribeImages: image, DeregisterImage: image },
  'inventory.remove': {
    DeregisterImage: image,
    DisassociateAddress: 'for an address in use: inventory.test.ts',
    DeleteNetworkInterface: 'for an interface left over: inventory.test.ts',
  },
  'networks.create': { DeleteVpc: twin, DetachInternetGateway: twin, DeleteInternetGateway: twin },
  'networks.subnets.create': { DeleteSubnet: twin },
  'networks.securityGroups.create': { DeleteSecurityGroup: twin },
  'networks.securityGroups.setRules': {
    AuthorizeSecurityGroupEgress: 'security-groups.test.ts',
    RevokeSecurityGroupEgress: 'security-groups.test.ts',
    UpdateSecurityGroupRuleDescriptionsIngress: 'security-groups.test.ts',
    UpdateSecurityGroupRuleDescriptionsEgress: 'security-groups.test.ts',
  },
  'networks.addresses.create': { ReleaseAddress: twin },
  'storage.volumes.create': { DescribeSubnets: 'for a registration with a subnet: volumes.test.ts' },
  'storage.volumes.resize': { DescribeVolumesModifications: 'for a change under way: volumes.test.ts' },
}
