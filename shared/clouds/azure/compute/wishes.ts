import type { VirtualMachine } from '@azure/arm-compute'
import { azureCapabilities } from '#shared/clouds/azure/capabilities.ts'
import type { AzureClient } from '#shared/clouds/azure/client.ts'
import type { AzureSize } from '#shared/clouds/azure/compute/sizes.ts'
import { encryptionSet } from '#shared/clouds/azure/encryption.ts'
import { armId, parseArmId } from '#shared/clouds/azure/names.ts'
import { CloudError } from '#shared/clouds/errors.ts'
import { assertCapable } from '#shared/clouds/operations.ts'
import type { CreateVm } from '#shared/clouds/port.ts'

/**
 * Refuses what Azure lacks or cannot understand, before anything is made.
 * @throws CloudError `unsupported` or `invalid_request`.
 */
export function checkWishes(client: AzureClient, { tenancy, spot, encryption }: CreateVm): void {
  if (tenancy === 'dedicated') assertCapable('azure', azureCapabilities, 'compute.create.dedicated')
  if (spot) maxPrice(spot.maxHourlyPrice)
  encryptionSet(client, encryption)
}

/** What a VM's description says of the request's wishes; detailed monitoring needs nothing, since every VM has it. */
export function wishedProperties(
  client: AzureClient,
  { spot, placementGroup, boot }: CreateVm,
  size: AzureSize | undefined,
): Partial<VirtualMachine> {
  // Azure's own Ubuntu can hibernate; of other images nobody knows, and Azure would refuse the VM.
  const hibernates = !spot && !('disks' in boot) && boot.image === undefined && size?.hibernates === true
  return {
    ...(hibernates ? { additionalCapabilities: { hibernationEnabled: true } } : {}),
    ...(placementGroup === undefined
      ? {}
      : { proximityPlacementGroup: { id: groupId(client, placementGroup) } }),
    ...(spot
      ? {
          priority: 'Spot',
          // An evicted VM stays as a stopped one, with its disks.
          evictionPolicy: 'Deallocate',
          billingProfile: { maxPrice: maxPrice(spot.maxHourlyPrice) },
        }
      : {}),
  }
}

/** US dollars an hour, to five places; -1 is up to the price on demand. */
function maxPrice(cap: string | undefined): number {
  if (cap === undefined) return -1
  if (/^\d+(\.\d{1,5})?$/.test(cap) && Number(cap) > 0) return Number(cap)
  throw new CloudError(`spot.maxHourlyPrice "${cap}" is not a price that Azure takes.`, {
    cloud: 'azure',
    operation: 'VirtualMachines_CreateOrUpdate',
    code: 'invalid_request',
    kind: 'permanent',
    remedy: 'Give US dollars an hour with at most five decimal places, e.g. 0.01234.',
    details: { field: 'spot.maxHourlyPrice' },
  })
}

function groupId({ settings }: AzureClient, id: string): string {
  const { subscriptionId: subscription, resourceGroup: group } = settings
  const type = 'Microsoft.Compute/proximityPlacementGroups'
  return armId(parseArmId(id, { subscription, group, type, name: '' }))
}
