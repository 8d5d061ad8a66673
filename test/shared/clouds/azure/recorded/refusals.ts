import type { RecordedCase } from '#test/shared/clouds/recorded.ts'
import { at, computeAt, networkAt } from '#test/shared/clouds/azure/recorded/places.ts'

const vm = at(computeAt('virtualMachines/myVM'))
const troubleshooting = 'https://learn.microsoft.com/azure/azure-resource-manager/troubleshooting'

/** How Azure refuses, in its own words, and what class of error comes of it. */
export const refusalCases: RecordedCase[] = [
  {
    title: 'a refusal for want of a role',
    source: 'https://learn.microsoft.com/azure/role-based-access-control/troubleshooting',
    replies: ['error-authorization.http'],
    call: (cloud) => cloud.disks.getSnapshot(at(computeAt('snapshots/mySnapshot'))),
    throws: {
      name: 'CloudError',
      code: 'forbidden',
      vendorCode: 'AuthorizationFailed',
      requestId: '4c5e8f3a-d8f0-4e6b-a1b6-000000000001',
    },
  },
  {
    title: 'a region’s quota of cores that is used up',
    source: `${troubleshooting}/error-resource-quota`,
    replies: ['error-quota-region.http'],
    call: (cloud) => cloud.compute.start(vm),
    throws: { code: 'quota_exceeded', kind: 'capacity', scope: 'region', vendorCode: 'OperationNotAllowed' },
  },
  {
    title: 'a family’s quota of cores that is used up',
    source: `${troubleshooting}/error-resource-quota`,
    replies: ['error-quota-family.http'],
    call: (cloud) => cloud.compute.start(vm),
    throws: { code: 'quota_exceeded', kind: 'capacity', scope: 'type' },
  },
  {
    title: 'no room in a zone',
    source: 'https://learn.microsoft.com/troubleshoot/azure/virtual-machines/allocation-failure',
    replies: ['error-zonal-allocation.http'],
    call: (cloud) => cloud.compute.start(vm),
    throws: { code: 'capacity', scope: 'zone', vendorCode: 'ZonalAllocationFailed' },
  },
  {
    title: 'a size that a zone does not have',
    source: `${troubleshooting}/error-sku-not-available`,
    replies: ['error-sku-zone.http'],
    call: (cloud) => cloud.compute.start(vm),
    throws: { code: 'capacity', scope: 'zone', vendorCode: 'SkuNotAvailable' },
  },
  {
    title: 'a cap below the spot price',
    source: 'https://learn.microsoft.com/azure/virtual-machines/error-codes-spot',
    replies: ['error-spot-price.http'],
    call: (cloud) => cloud.compute.start(vm),
    throws: { code: 'capacity', scope: 'type', vendorCode: 'OperationNotAllowed' },
  },
  {
    title: 'an operation that the VM’s state does not allow',
    source: 'https://learn.microsoft.com/troubleshoot/azure/virtual-machines/error-codes-vm-operations',
    replies: ['error-vm-in-transition.http'],
    call: (cloud) => cloud.compute.start(vm),
    throws: { code: 'conflict', kind: 'retryable', vendorCode: 'OperationNotAllowed' },
  },
  {
    title: 'a subnet that is in use',
    source:
      'https://learn.microsoft.com/troubleshoot/azure/virtual-network/virtual-network-troubleshoot-cannot-delete-vnet',
    replies: ['error-subnet-in-use.http'],
    call: (cloud) => cloud.networks.subnets.delete(at(networkAt('virtualNetworks/test-vnet/subnets/test-1'))),
    throws: { code: 'conflict', retryable: true, vendorCode: 'InUseSubnetCannotBeDeleted' },
  },
  {
    title: 'a VM that does not exist',
    source: `${troubleshooting}/error-not-found`,
    replies: ['error-vm-not-found.http'],
    call: (cloud) => cloud.compute.get(vm),
    gives: undefined,
  },
]
