import type { PlainRequest } from '#test/clouds/core/server.ts'
import * as access from '#test/clouds/azure/disks/access.ts'
import { patchDisk } from '#test/clouds/azure/disks/update.ts'
import * as disks from '#test/clouds/azure/disks/disks.ts'
import * as addresses from '#test/clouds/azure/networks/addresses.ts'
import { entry, inGroup, type Entry, type Route } from '#test/clouds/azure/entry.ts'
import * as groups from '#test/clouds/azure/networks/groups.ts'
import * as networks from '#test/clouds/azure/networks/vnets.ts'
import * as subnets from '#test/clouds/azure/networks/subnets.ts'
import { attachDetach } from '#test/clouds/azure/compute/vm-attach.ts'
import { getExtension, putExtension } from '#test/clouds/azure/compute/vm-extensions.ts'
import * as nics from '#test/clouds/azure/networks/nics.ts'
import * as power from '#test/clouds/azure/compute/vm-power.ts'
import { vmType } from '#test/clouds/azure/compute/vm-view.ts'
import { Refusal } from '#test/clouds/azure/replies.ts'
import { services } from '#test/clouds/azure/services.ts'
import * as snapshots from '#test/clouds/azure/disks/snapshots.ts'
import * as subscription from '#test/clouds/azure/subscription.ts'
import { patchVm } from '#test/clouds/azure/compute/vm-patch.ts'
import * as vms from '#test/clouds/azure/compute/vms.ts'

/** Finds what a request to Azure Resource Manager is about. */
export function matchArm({ method, url }: PlainRequest): Route | undefined {
  for (const { method: wanted, pattern, ...route } of table) {
    const found = wanted === method ? pattern.exec(url.pathname) : null
    if (!found) continue
    const path = Object.fromEntries(
      Object.entries(found.groups ?? {}).map(([name, part]) => [name, decodeURIComponent(part)]),
    )
    return { ...route, path }
  }
  return undefined
}

/** Refuses a request without the version its type is known in. */
export function checkApiVersion({ apiVersion, type }: Route, url: URL): void {
  const given = url.searchParams.get('api-version')
  if (given === null || given === '') {
    throw new Refusal(
      400,
      'MissingApiVersionParameter',
      'The api-version query parameter (?api-version=) is required for all requests.',
    )
  }
  if (apiVersion === '' || given === apiVersion) return
  throw new Refusal(
    400,
    'NoRegisteredProviderFound',
    `No registered resource provider found for API version '${given}' for type '${type}'. The supported api-versions are '${apiVersion}'.`,
  )
}

const resources = '2022-12-01'
const resourceGroups = '2025-04-01'
const compute = '2026-04-01'
const storage = '2026-03-02'
const networking = '2026-01-01'
const skus = '2021-07-01'
const tagging = '2021-04-01'

const vm = `${inGroup(vmType)}/{name}`
const disk = `${inGroup(disks.diskType)}/{name}`
const snapshot = `${inGroup(snapshots.snapshotType)}/{name}`
const nic = `${inGroup(nics.nicType)}/{name}`
const vnet = `${inGroup(subnets.networkType)}/{name}`
const subnet = `${vnet}/subnets/{subnet}`
const group = `${inGroup(groups.groupType)}/{name}`
const address = `${inGroup(addresses.addressType)}/{name}`

const table: Entry[] = [
  ...services,
  entry('Subscriptions_Get', 'GET', '', resources, subscription.getSubscription),
  entry('Subscriptions_ListLocations', 'GET', '/locations', resources, subscription.listLocations),
  entry(
    'ResourceGroups_CreateOrUpdate',
    'PUT',
    '/resourceGroups/{group}',
    resourceGroups,
    subscription.putGroup,
  ),
  entry('ResourceGroups_Get', 'GET', '/resourceGroups/{group}', resourceGroups, subscription.getGroup),
  entry('ResourceSkus_List', 'GET', '/providers/Microsoft.Compute/skus', skus, subscription.listSkus),
  entry(
    'Operations_Get',
    'GET',
    '/providers/{provider}/locations/{region}/operations/{id}',
    '',
    (context, request) => context.operations.status(request.path['id'] ?? ''),
  ),
  entry(
    'Operations_GetResult',
    'GET',
    '/providers/{provider}/locations/{region}/operationResults/{id}',
    '',
    (context, request) => context.operations.result(request.path['id'] ?? ''),
  ),

  entry('VirtualMachines_CreateOrUpdate', 'PUT', vm, compute, vms.putVm),
  entry('VirtualMachines_Update', 'PATCH', vm, compute, patchVm),
  entry('VirtualMachines_Get', 'GET', vm, compute, vms.getVm),
  entry('VirtualMachines_Delete', 'DELETE', vm, compute, vms.deleteVm),
  entry('VirtualMachines_InstanceView', 'GET', `${vm}/instanceView`, compute, vms.viewVm),
  entry('VirtualMachines_Start', 'POST', `${vm}/start`, compute, power.startVm),
  entry('VirtualMachines_Deallocate', 'POST', `${vm}/deallocate`, compute, power.deallocateVm),
  entry('VirtualMachines_Restart', 'POST', `${vm}/restart`, compute, power.restartVm),
  entry(
    'VirtualMachines_RetrieveBootDiagnosticsData',
    'POST',
    `${vm}/retrieveBootDiagnosticsData`,
    compute,
    power.bootDiagnostics,
  ),
  entry(
    'VirtualMachines_AttachDetachDataDisks',
    'POST',
    `${vm}/attachDetachDataDisks`,
    compute,
    attachDetach,
  ),
  entry(
    'VirtualMachineExtensions_CreateOrUpdate',
    'PUT',
    `${vm}/extensions/{extension}`,
    compute,
    putExtension,
  ),
  entry('VirtualMachineExtensions_Get', 'GET', `${vm}/extensions/{extension}`, compute, getExtension),
  entry('VirtualMachines_List', 'GET', inGroup(vmType), compute, vms.listVms),
  entry('VirtualMachines_ListAll', 'GET', `/providers/${vmType}`, compute, vms.listVms),

  entry('Disks_CreateOrUpdate', 'PUT', disk, storage, disks.putDisk),
  entry('Disks_Update', 'PATCH', disk, storage, patchDisk),
  entry('Disks_Get', 'GET', disk, storage, disks.getDisk),
  entry('Disks_Delete', 'DELETE', disk, storage, disks.deleteDisk),
  entry('Disks_GrantAccess', 'POST', `${disk}/beginGetAccess`, storage, access.grantDisk),
  entry('Disks_RevokeAccess', 'POST', `${disk}/endGetAccess`, storage, access.revokeDisk),
  entry('Disks_ListByResourceGroup', 'GET', inGroup(disks.diskType), storage, disks.listDisks),
  entry('Disks_List', 'GET', `/providers/${disks.diskType}`, storage, disks.listDisks),

  entry('Snapshots_CreateOrUpdate', 'PUT', snapshot, storage, snapshots.putSnapshot),
  entry('Snapshots_Get', 'GET', snapshot, storage, snapshots.getSnapshot),
  entry('Snapshots_Delete', 'DELETE', snapshot, storage, snapshots.deleteSnapshot),
  entry('Snapshots_GrantAccess', 'POST', `${snapshot}/beginGetAccess`, storage, access.grantSnapshot),
  entry('Snapshots_RevokeAccess', 'POST', `${snapshot}/endGetAccess`, storage, access.revokeSnapshot),
  entry(
    'Snapshots_ListByResourceGroup',
    'GET',
    inGroup(snapshots.snapshotType),
    storage,
    snapshots.listSnapshots,
  ),
  entry('Snapshots_List', 'GET', `/providers/${snapshots.snapshotType}`, storage, snapshots.listSnapshots),

  entry('NetworkInterfaces_CreateOrUpdate', 'PUT', nic, networking, nics.putNic),
  entry('NetworkInterfaces_Get', 'GET', nic, networking, nics.getNic),
  entry('NetworkInterfaces_Delete', 'DELETE', nic, networking, nics.deleteNic),
  entry('NetworkInterfaces_List', 'GET', inGroup(nics.nicType), networking, nics.listNics),
  entry('NetworkInterfaces_ListAll', 'GET', `/providers/${nics.nicType}`, networking, nics.listNics),
  entry('VirtualNetworks_CreateOrUpdate', 'PUT', vnet, networking, networks.putNetwork),
  entry('VirtualNetworks_Get', 'GET', vnet, networking, networks.getNetwork),
  entry('VirtualNetworks_Delete', 'DELETE', vnet, networking, networks.deleteNetwork),
  entry('VirtualNetworks_List', 'GET', inGroup(subnets.networkType), networking, networks.listNetworks),
  entry(
    'VirtualNetworks_ListAll',
    'GET',
    `/providers/${subnets.networkType}`,
    networking,
    networks.listNetworks,
  ),
  entry(
    'Tags_UpdateAtScope',
    'PATCH',
    `${vnet}/providers/Microsoft.Resources/tags/default`,
    tagging,
    networks.patchTags,
  ),
  entry('Subnets_CreateOrUpdate', 'PUT', subnet, networking, subnets.putSubnet),
  entry('Subnets_Get', 'GET', subnet, networking, subnets.getSubnet),
  entry('Subnets_Delete', 'DELETE', subnet, networking, subnets.deleteSubnet),
  entry('NetworkSecurityGroups_CreateOrUpdate', 'PUT', group, networking, groups.putGroup),
  entry('NetworkSecurityGroups_Get', 'GET', group, networking, groups.getGroup),
  entry('NetworkSecurityGroups_Delete', 'DELETE', group, networking, groups.deleteGroup),
  entry('NetworkSecurityGroups_List', 'GET', inGroup(groups.groupType), networking, groups.listGroups),
  entry(
    'NetworkSecurityGroups_ListAll',
    'GET',
    `/providers/${groups.groupType}`,
    networking,
    groups.listGroups,
  ),
  entry('PublicIPAddresses_CreateOrUpdate', 'PUT', address, networking, addresses.putAddress),
  entry('PublicIPAddresses_Get', 'GET', address, networking, addresses.getAddress),
  entry('PublicIPAddresses_Delete', 'DELETE', address, networking, addresses.deleteAddress),
  entry('PublicIPAddresses_List', 'GET', inGroup(addresses.addressType), networking, addresses.listAddresses),
  entry(
    'PublicIPAddresses_ListAll',
    'GET',
    `/providers/${addresses.addressType}`,
    networking,
    addresses.listAddresses,
  ),
]
