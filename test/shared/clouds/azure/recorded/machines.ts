import { expect } from 'vitest'
import type { RecordedCase } from '#test/shared/clouds/recorded.ts'
import { refusalCases } from '#test/shared/clouds/azure/recorded/refusals.ts'
import { at, computeAt, networkAt } from '#test/shared/clouds/azure/recorded/places.ts'

const docs = 'https://learn.microsoft.com/rest/api'
const vm = at(computeAt('virtualMachines/myVM'))
const parts = [
  { file: 'disk-os.json', to: '/disks/myOsDisk' },
  { file: 'disk-data0.json', to: '/disks/myDataDisk0' },
  { file: 'disk-data1.json', to: '/disks/myDataDisk1' },
  { file: 'nic-get.json', to: '/networkInterfaces/myNIC' },
]
const described = {
  ...vm,
  name: 'myVM',
  zone: '1',
  instanceType: 'Standard_DS3_v2',
  architecture: 'x86_64',
  firmware: 'uefi',
  imageId: 'Canonical:0001-com-ubuntu-server-jammy:22_04-lts-gen2:latest',
  privateIp: '172.20.2.4',
  publicIp: '20.61.4.9',
  subnet: networkAt('virtualNetworks/rg1-vnet2/subnets/default'),
  securityGroups: [networkAt('networkSecurityGroups/testnsg')],
  placementGroup: computeAt('proximityPlacementGroups/my-ppg01'),
  detailedMonitoring: true,
  tags: { myTag1: 'tagValue1' },
  disks: [
    { id: computeAt('disks/myOsDisk'), sizeBytes: 30 * 2 ** 30, boot: true, device: 'os' },
    { id: computeAt('disks/myDataDisk0'), sizeBytes: 30 * 2 ** 30, boot: false, device: 'lun0' },
    { id: computeAt('disks/myDataDisk1'), sizeBytes: 100 * 2 ** 30, boot: false, device: 'lun1' },
  ],
  createdAt: new Date('2021-06-27T01:02:38.313Z'),
}

/** Responses about machines, disks and networks. */
export const machineCases: RecordedCase[] = [
  {
    title: 'a subscription',
    source: `${docs}/resources/subscriptions/get`,
    replies: ['subscriptions-get.json'],
    call: (cloud) => cloud.identity.validate(),
    gives: {
      accountId: '11111111-2222-3333-4444-555555555555',
      principal: '01234567-89ab-cdef-0123-456789abcdef',
    },
  },
  {
    title: 'locations, of which some have zones and some are none',
    source: `${docs}/resources/subscriptions/list-locations`,
    replies: ['subscriptions-locations.json'],
    call: (cloud) => cloud.identity.regions(),
    gives: [
      { id: 'eastus', name: 'East US', zones: ['1', '2', '3'] },
      { id: 'westus', name: 'West US', zones: [] },
    ],
  },
  {
    title: 'resource SKUs, without those that the subscription may not use',
    source: `${docs}/compute/resource-skus/list`,
    replies: ['skus-list.json'],
    call: (cloud) => cloud.compute.sizes('westus'),
    gives: [
      {
        name: 'Standard_A0',
        vcpus: 1,
        memoryMib: 768,
        architectures: ['x86_64'],
        firmwares: ['bios'],
        burstable: false,
        gpus: 0,
      },
      {
        name: 'Standard_E4pds_v5',
        vcpus: 4,
        memoryMib: 32_768,
        architectures: ['arm64'],
        firmwares: ['uefi'],
        burstable: false,
        gpus: 0,
      },
    ],
  },
  {
    title: 'a running spot VM with its instance view, disks and interface',
    source: `${docs}/compute/virtual-machines/get`,
    replies: [{ file: 'vm-get.json', to: '/virtualMachines/myVM' }, ...parts],
    call: (cloud) => cloud.compute.get(vm),
    gives: { ...described, state: 'running', spot: true, tenancy: 'shared' },
  },
  {
    title: 'a hibernated VM on a dedicated host',
    source: 'https://learn.microsoft.com/azure/virtual-machines/hibernate-resume',
    replies: [{ file: 'vm-get-hibernated.json', to: '/virtualMachines/myVM' }, ...parts],
    call: (cloud) => cloud.compute.get(vm),
    gives: { ...described, state: 'suspended', spot: false, tenancy: 'dedicated' },
  },
  {
    title: 'a snapshot',
    source: `${docs}/compute/snapshots/get`,
    replies: ['snapshots-get.json'],
    call: (cloud) => cloud.disks.getSnapshot(at(computeAt('snapshots/mySnapshot'))),
    gives: expect.objectContaining({
      name: 'mySnapshot',
      region: 'westus',
      state: 'ready',
      sizeBytes: 200 * 2 ** 30,
      encrypted: true,
      tags: { department: 'Development', project: 'Snapshots' },
      createdAt: new Date('2016-12-28T04:47:30.663Z'),
    }),
  },
  {
    title: 'snapshots of a subscription, of which one is still being copied from another',
    source: `${docs}/compute/snapshots/list`,
    replies: ['snapshots-list.json'],
    call: (cloud) => Array.fromAsync(cloud.disks.listSnapshots({ region: 'westus' })),
    gives: [
      {
        ...at(computeAt('snapshots/mySnapshot1')),
        name: 'mySnapshot1',
        state: 'pending',
        sizeBytes: 200 * 2 ** 30,
        encrypted: true,
        tags: { department: 'Development' },
        createdAt: new Date('2016-12-28T04:41:35.079Z'),
      },
    ],
  },
  {
    title: 'an attached managed disk',
    source: `${docs}/compute/disks/get`,
    replies: [
      { file: 'disk-data1.json', to: '/disks/myDataDisk1' },
      { file: 'vm-get.json', to: '/virtualMachines/myVM' },
    ],
    call: (cloud) => cloud.storage.volumes.get(at(computeAt('disks/myDataDisk1'))),
    gives: {
      ...at(computeAt('disks/myDataDisk1')),
      name: 'myDataDisk1',
      sizeBytes: 100 * 2 ** 30,
      state: 'in_use',
      type: 'standard',
      vendorType: 'Standard_LRS',
      encrypted: true,
      vm: computeAt('virtualMachines/myVM'),
      device: 'lun1',
      tags: { department: 'Development', project: 'ManagedDisks' },
      createdAt: new Date('2016-12-28T04:41:35.927Z'),
    },
  },
  {
    title: 'an unattached managed disk with a customer’s key',
    source: `${docs}/compute/disks/get`,
    replies: ['disk-get-customer-key.json'],
    call: (cloud) => cloud.storage.volumes.get(at(computeAt('disks/myManagedDisk'))),
    gives: expect.objectContaining({
      state: 'available',
      type: 'ssd',
      vendorType: 'StandardSSD_ZRS',
      keyId: computeAt('diskEncryptionSets/myDiskEncryptionSet'),
    }),
  },
  {
    title: 'a virtual network with subnets of one and of two families',
    source: `${docs}/virtualnetwork/virtual-networks/get`,
    replies: ['vnet-get.json'],
    call: (cloud) => cloud.networks.get(at(networkAt('virtualNetworks/test-vnet'))),
    gives: {
      ...at(networkAt('virtualNetworks/test-vnet')),
      name: 'test-vnet',
      cidrs: ['10.0.0.0/16', 'fd00:1::/48'],
      state: 'ready',
      isDefault: false,
      tags: {},
      subnets: [
        {
          ...at(networkAt('virtualNetworks/test-vnet/subnets/test-1')),
          name: 'test-1',
          network: networkAt('virtualNetworks/test-vnet'),
          cidr: '10.0.0.0/24',
          tags: {},
        },
        {
          ...at(networkAt('virtualNetworks/test-vnet/subnets/test-2')),
          name: 'test-2',
          network: networkAt('virtualNetworks/test-vnet'),
          cidr: '10.0.1.0/24',
          tags: {},
        },
      ],
    },
  },
  {
    title: 'a network security group with rules of its own and default ones',
    source: `${docs}/virtualnetwork/network-security-groups/get`,
    replies: ['nsg-get.json'],
    call: (cloud) => cloud.networks.securityGroups.get(at(networkAt('networkSecurityGroups/testnsg'))),
    gives: {
      ...at(networkAt('networkSecurityGroups/testnsg')),
      name: 'testnsg',
      description: '',
      tags: {},
      rules: [
        { direction: 'egress', protocol: 'udp', fromPort: 53, toPort: 53, cidrs: ['0.0.0.0/0', '::/0'] },
        ...[
          { fromPort: 22, toPort: 22 },
          { fromPort: 8080, toPort: 8090 },
        ].map((ports) => ({
          direction: 'ingress',
          protocol: 'tcp',
          ...ports,
          cidrs: ['10.0.0.0/8', '192.168.1.0/24'],
          description: 'Allow SSH and web',
        })),
      ],
    },
  },
  {
    title: 'a public address that leads to a VM',
    source: `${docs}/virtualnetwork/public-ip-addresses/get`,
    replies: [
      { file: 'public-ip-get.json', to: '/publicIPAddresses/test-ip' },
      { file: 'nic-get.json', to: '/networkInterfaces/myNIC' },
    ],
    call: (cloud) => cloud.networks.addresses.get(at(networkAt('publicIPAddresses/test-ip'))),
    gives: {
      ...at(networkAt('publicIPAddresses/test-ip')),
      name: 'test-ip',
      ip: '40.85.154.247',
      vm: computeAt('virtualMachines/myVM'),
      tags: {},
    },
  },
  {
    title: 'a public address of a load balancer leads to no VM',
    source: `${docs}/virtualnetwork/public-ip-addresses/get`,
    replies: ['public-ip-of-load-balancer.json'],
    call: (cloud) => cloud.networks.addresses.get(at(networkAt('publicIPAddresses/test-ip'))),
    gives: {
      ...at(networkAt('publicIPAddresses/test-ip')),
      name: 'test-ip',
      ip: '40.85.154.247',
      tags: {},
    },
  },
  ...refusalCases,
]
