import type { Disk, Snapshot, VirtualMachine } from '@azure/arm-compute'
import type { AzureClient } from '#shared/clouds/azure/client.ts'
import { listVms } from '#shared/clouds/azure/compute/vms.ts'
import { canonicalId } from '#shared/clouds/azure/names.ts'
import { locksOf } from '#shared/clouds/azure/posture/locks.ts'
import { shownName } from '#shared/clouds/azure/tags.ts'
import type { PostureResource } from '#shared/clouds/port.ts'

/** Managed disks are always encrypted, and the metadata service answers only to a header that no redirect can add. */
export async function* vms(client: AzureClient, region: string): AsyncGenerator<PostureResource> {
  const { virtualMachines } = client.compute
  const models = new Map<string, VirtualMachine>()
  for await (const vm of client.pages('VirtualMachines_ListAll', () => virtualMachines.listAll()))
    if (vm.location === region) models.set(canonicalId(vm.id ?? '').toLowerCase(), vm)
  if (models.size === 0) return
  const isLocked = await locksOf(client)
  for await (const vm of listVms(client, region)) {
    const model = models.get(vm.id.toLowerCase())
    const uefi = model?.securityProfile?.uefiSettings
    const identity =
      model?.identity?.principalId ?? Object.keys(model?.identity?.userAssignedIdentities ?? {})[0]
    yield {
      kind: 'vm',
      region,
      id: vm.id,
      name: vm.name,
      tags: vm.tags,
      running: vm.state === 'running',
      publicIp: vm.publicIp !== undefined,
      securityGroups: vm.securityGroups,
      disksEncrypted: true,
      metadataProtected: true,
      secureBoot: uefi?.secureBootEnabled ?? false,
      virtualTpm: uefi?.vTpmEnabled ?? false,
      serialConsoleEnabled: model?.diagnosticsProfile?.bootDiagnostics?.enabled ?? false,
      ...(identity === undefined ? {} : { identity }),
      deletionProtected: isLocked(vm.id),
    }
  }
}

export async function* disks(client: AzureClient, region: string): AsyncGenerator<PostureResource> {
  for await (const disk of client.pages('Disks_List', () => client.compute.disks.list())) {
    if (disk.location !== region) continue
    yield {
      kind: 'disk',
      ...known(region, disk),
      encrypted: true,
      customerKey: hasCustomerKey(disk),
      attached: disk.managedBy !== undefined,
      publicNetworkAccess: isReachable(disk),
    }
  }
}

/** A snapshot belongs to its subscription; Azure has no way to share one with everybody. */
export async function* snapshots(client: AzureClient, region: string): AsyncGenerator<PostureResource> {
  for await (const snapshot of client.pages('Snapshots_List', () => client.compute.snapshots.list())) {
    if (snapshot.location !== region) continue
    yield {
      kind: 'snapshot',
      ...known(region, snapshot),
      encrypted: true,
      customerKey: hasCustomerKey(snapshot),
      public: false,
      ...(snapshot.timeCreated === undefined ? {} : { createdAt: snapshot.timeCreated }),
    }
  }
}

/** What all kinds tell of a resource. */
export const known = (
  region: string,
  resource: { id?: string; name?: string; tags?: Record<string, string> },
) => ({
  region,
  id: canonicalId(resource.id ?? ''),
  name: shownName(resource),
  tags: resource.tags ?? {},
})

const hasCustomerKey = ({ encryption }: Disk | Snapshot): boolean =>
  encryption?.type !== undefined && encryption.type !== 'EncryptionAtRestWithPlatformKey'

/** May an access signature for its bytes be used from anywhere? */
const isReachable = ({ publicNetworkAccess, networkAccessPolicy }: Disk): boolean =>
  publicNetworkAccess !== 'Disabled' && (networkAccessPolicy ?? 'AllowAll') === 'AllowAll'
