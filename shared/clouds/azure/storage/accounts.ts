import type { StorageAccount, StorageAccountCreateParameters } from '@azure/arm-storage'
import type { AzureClient } from '#shared/clouds/azure/client.ts'
import { withGroup } from '#shared/clouds/azure/group.ts'
import { nameFor } from '#shared/clouds/azure/names.ts'
import { accountNameFor, bucketTag } from '#shared/clouds/azure/storage/places.ts'
import { CloudError } from '#shared/clouds/errors.ts'
import type { Encryption, Intent } from '#shared/clouds/port.ts'

/** Says which intent made the account: Azure has no client tokens, and a PUT on a name that exists is an update. */
const tokenTag = 'novacron-token'

/**
 * The account of a bucket to be made; called again with the same token, the same.
 * @throws CloudError `conflict` when another intent has made a bucket of this name, or somebody else has an account of the same name.
 */
export async function ensureAccount(
  client: AzureClient,
  request: Intent & { region: string; name: string; encryption?: Encryption },
): Promise<string> {
  const account = accountNameFor(client, request.name)
  const group = client.settings.resourceGroup
  const parameters = describe(client, request)
  const { storageAccounts } = client.storage
  const made = await client.find('StorageAccounts_GetProperties', () =>
    storageAccounts.getProperties(group, account),
  )
  if (made && made.tags?.[tokenTag] !== nameFor(request.token)) throw taken(request.name)
  if (made?.provisioningState === 'Succeeded') return account
  await withGroup(client, request.region, () =>
    client.finish('StorageAccounts_Create', (pace) =>
      storageAccounts.create(group, account, parameters, pace),
    ),
  )
  return account
}

/** The user's key that encrypts an account, as the id that Key Vault gives it. */
export function keyOf({ encryption }: StorageAccount): string | undefined {
  if (encryption?.keySource !== 'Microsoft.Keyvault') return undefined
  const { keyVaultUri = '', keyName = '', keyVersion } = encryption.keyVaultProperties ?? {}
  return [`${keyVaultUri.replace(/\/$/, '')}/keys/${keyName}`, ...(keyVersion ? [keyVersion] : [])].join('/')
}

function describe(
  client: AzureClient,
  {
    token,
    tags,
    region,
    name,
    encryption,
  }: Intent & { region: string; name: string; encryption?: Encryption },
): StorageAccountCreateParameters {
  return {
    location: region,
    kind: 'StorageV2',
    sku: { name: 'Standard_LRS' },
    tags: { ...tags, [bucketTag]: name, [tokenTag]: nameFor(token) },
    accessTier: 'Hot',
    allowBlobPublicAccess: false,
    allowCrossTenantReplication: false,
    defaultToOAuthAuthentication: true,
    enableHttpsTrafficOnly: true,
    minimumTlsVersion: 'TLS1_2',
    ...(encryption?.keyId === undefined ? {} : withKey(client, encryption.keyId)),
  }
}

/** Azure reads the key as a managed identity that may use it: the account's own would exist only after the account does. */
function withKey({ settings }: AzureClient, keyId: string): Partial<StorageAccountCreateParameters> {
  const [, vault, key, version] = /^(https:\/\/[^/]+)\/keys\/([\w-]+)(?:\/(\w+))?$/.exec(keyId) ?? []
  if (vault === undefined || key === undefined)
    throw refused(
      `encryption.key_id "${keyId}" is not a key in Key Vault`,
      'Use https://<vault>.vault.azure.net/keys/<key>, with or without a version.',
    )
  if (settings.keyIdentityId === undefined)
    throw refused(
      'encryption.key_id needs a managed identity that may use the key, and the provider names none',
      'Give a user-assigned identity the role Key Vault Crypto Service Encryption User and name it in options.key_identity_id.',
    )
  return {
    identity: { type: 'UserAssigned', userAssignedIdentities: { [settings.keyIdentityId]: {} } },
    encryption: {
      keySource: 'Microsoft.Keyvault',
      services: { blob: { enabled: true, keyType: 'Account' } },
      encryptionIdentity: { encryptionUserAssignedIdentity: settings.keyIdentityId },
      keyVaultProperties: {
        keyVaultUri: vault,
        keyName: key,
        ...(version === undefined ? {} : { keyVersion: version }),
      },
    },
  }
}

const refused = (message: string, remedy: string): CloudError =>
  new CloudError(`${message}.`, {
    cloud: 'azure',
    operation: 'StorageAccounts_Create',
    code: 'invalid_request',
    remedy,
    details: { field: 'encryption.key_id' },
  })

const taken = (name: string): CloudError =>
  new CloudError(`There is a bucket "${name}" already.`, {
    cloud: 'azure',
    operation: 'StorageAccounts_Create',
    code: 'conflict',
    kind: 'permanent',
    remedy: 'Take another name, or use the bucket that is there.',
    details: { field: 'name' },
  })
