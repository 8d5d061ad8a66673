import type { AzureClient } from '#shared/clouds/azure/client.ts'
import { armId, parseArmId } from '#shared/clouds/azure/names.ts'
import { CloudError } from '#shared/clouds/errors.ts'
import type { Encryption } from '#shared/clouds/port.ts'

/**
 * The id of the disk encryption set that a wish names; undefined leaves the disk to a key of Azure's own, with which it encrypts every disk.
 * @throws CloudError `invalid_request` for a key of a Key Vault: a disk reaches it only through a disk encryption set.
 */
export function encryptionSet({ settings }: AzureClient, wish: Encryption | undefined): string | undefined {
  if (wish?.keyId === undefined) return undefined
  if (/^https:/i.test(wish.keyId) || /\/vaults\//i.test(wish.keyId)) {
    throw new CloudError('encryption.keyId is a key of a Key Vault.', {
      cloud: 'azure',
      operation: 'Disks_CreateOrUpdate',
      code: 'invalid_request',
      kind: 'permanent',
      remedy:
        'Make a disk encryption set for the key, let it read the key, and give its id: /subscriptions/…/providers/Microsoft.Compute/diskEncryptionSets/…',
      details: { field: 'encryption.keyId' },
    })
  }
  const { subscriptionId: subscription, resourceGroup: group } = settings
  return armId(
    parseArmId(wish.keyId, {
      subscription,
      group,
      type: 'Microsoft.Compute/diskEncryptionSets',
      name: '',
    }),
  )
}

/** The same as a disk's or snapshot's property. */
export function encryptionOf(client: AzureClient, wish: Encryption | undefined) {
  const diskEncryptionSetId = encryptionSet(client, wish)
  return diskEncryptionSetId === undefined
    ? {}
    : { encryption: { type: 'EncryptionAtRestWithCustomerKey', diskEncryptionSetId } }
}
