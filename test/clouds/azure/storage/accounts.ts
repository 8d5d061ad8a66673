import {
  accepted,
  groupOf,
  idOf,
  listOf,
  locationOf,
  type ArmHandler,
  type Context,
} from '#test/clouds/azure/context.ts'
import { provisioningState, type Tags } from '#test/clouds/azure/estate.ts'
import { json, Refusal } from '#test/clouds/azure/replies.ts'
import { flag, list, object, oneOf, tags, text, type Check } from '#test/clouds/azure/schema.ts'
import { accountOf, empty, findAccount, type Account } from '#test/clouds/azure/storage/world.ts'

export const accountType = 'Microsoft.Storage/storageAccounts'

const anyMembers: Check = () => {}

const service = object('EncryptionService', { enabled: flag, keyType: oneOf('Account', 'Service') })

const accountBody = object(
  'StorageAccountCreateParameters',
  {
    location: text,
    tags,
    kind: oneOf('Storage', 'StorageV2', 'BlobStorage', 'FileStorage', 'BlockBlobStorage'),
    sku: object(
      'Sku',
      {
        name: oneOf(
          'Standard_LRS',
          'Standard_GRS',
          'Standard_RAGRS',
          'Standard_ZRS',
          'Premium_LRS',
          'Premium_ZRS',
        ),
        tier: oneOf('Standard', 'Premium'),
      },
      ['name'],
    ),
    identity: object(
      'Identity',
      {
        type: oneOf('None', 'SystemAssigned', 'UserAssigned', 'SystemAssigned,UserAssigned'),
        userAssignedIdentities: anyMembers,
      },
      ['type'],
    ),
    properties: object('StorageAccountPropertiesCreateParameters', {
      accessTier: oneOf('Hot', 'Cool', 'Cold', 'Premium'),
      allowBlobPublicAccess: flag,
      allowCrossTenantReplication: flag,
      allowSharedKeyAccess: flag,
      defaultToOAuthAuthentication: flag,
      supportsHttpsTrafficOnly: flag,
      minimumTlsVersion: oneOf('TLS1_0', 'TLS1_1', 'TLS1_2'),
      publicNetworkAccess: oneOf('Enabled', 'Disabled', 'SecuredByPerimeter'),
      isHnsEnabled: flag,
      encryption: object('Encryption', {
        keySource: oneOf('Microsoft.Storage', 'Microsoft.Keyvault'),
        requireInfrastructureEncryption: flag,
        services: object('EncryptionServices', {
          blob: service,
          file: service,
          table: service,
          queue: service,
        }),
        identity: object('EncryptionIdentity', {
          userAssignedIdentity: text,
          federatedIdentityClientId: text,
        }),
        keyvaultproperties: object('KeyVaultProperties', {
          keyname: text,
          keyversion: text,
          keyvaulturi: text,
        }),
      }),
    }),
    zones: list(text),
  },
  ['location', 'kind', 'sku'],
)

interface AccountBody {
  tags?: Tags
  kind: string
  sku: { name: string }
  identity?: { userAssignedIdentities?: Record<string, unknown> }
  properties?: Record<string, unknown> & { encryption?: { keySource?: string; identity?: unknown } }
}

/** A PUT of an account that exists is an update of it. */
export const putAccount: ArmHandler = (context, request) => {
  const name = request.path['account'] ?? ''
  groupOf(context, request)
  accountBody(request.body, '')
  if (!/^[a-z\d]{3,24}$/.test(name))
    throw new Refusal(
      400,
      'AccountNameInvalid',
      `${name} is not a valid storage account name. Storage account name must be between 3 and 24 characters in length and use numbers and lower-case letters only.`,
    )
  const location = locationOf(request.body)
  const { kind, sku, identity, properties = {}, tags: given = {} } = request.body as AccountBody
  if (Object.keys(given).length > 15)
    throw new Refusal(400, 'TooManyTags', 'A storage account has at most 15 tags.')
  if (
    properties.encryption?.keySource === 'Microsoft.Keyvault' &&
    identity?.userAssignedIdentities === undefined
  )
    throw new Refusal(
      400,
      'InvalidRequestPropertyValue',
      'A user-assigned identity is needed to create an account that is encrypted with a key in Key Vault.',
    )
  const existing = findAccount(context, request)
  if (existing) {
    if (existing.location !== location)
      throw new Refusal(
        409,
        'InvalidResourceLocation',
        `The resource '${name}' already exists in location '${existing.location}' in resource group '${existing.group}'.`,
      )
    if (existing.life.state() === 'creating')
      throw new Refusal(
        409,
        'StorageAccountOperationInProgress',
        'An operation is currently performing on this storage account that requires exclusive access.',
      )
    Object.assign(existing, { tags: given, given: { ...existing.given, ...properties }, sku: sku.name })
    return json(200, showAccount(existing))
  }
  if (context.accounts.has(name)) throw takenName(name)

  const account: Account = {
    id: idOf(context, { ...request, path: { ...request.path, name } }, accountType),
    name,
    group: groupOf(context, request),
    location,
    tags: given,
    createdAt: new Date(),
    sku: sku.name,
    kind,
    ...(identity === undefined ? {} : { identity }),
    given: properties,
    versioning: false,
    containers: new Map(),
    life: context.estate.begin(context.delays.disk, 0, () => context.accounts.delete(name)),
  }
  context.accounts.set(name, account)
  const reply = accepted(context, request, {
    provider: 'Microsoft.Storage',
    region: location,
    status: 202,
    afterMs: context.delays.disk,
    result: () => showAccount(account),
  })
  // This service tells of its operations by `location` alone.
  const { 'azure-asyncoperation': _, ...headers } = reply.headers ?? {}
  return { ...reply, headers }
}

export const getAccount: ArmHandler = (context, request) =>
  json(200, showAccount(accountOf(context, request)))

export const listAccounts: ArmHandler = (context, request) =>
  listOf(context, request, accountType, (group) =>
    [...context.accounts.values()]
      .filter((account) => account.life.state() !== 'gone')
      .filter((account) => group === undefined || account.group.toLowerCase() === group.toLowerCase())
      .map(showAccount),
  )

export const deleteAccount: ArmHandler = (context, request) => {
  const account = findAccount(context, request)
  if (!account) return { status: 204 }
  context.accounts.delete(account.name)
  context.later(Promise.all([...account.containers.values()].map((each) => empty(context, each))))
  return { status: 200 }
}

function showAccount(account: Account) {
  const { encryption, ...rest } = account.given as { encryption?: Record<string, unknown> }
  return {
    id: account.id,
    name: account.name,
    type: accountType,
    location: account.location,
    tags: account.tags,
    kind: account.kind,
    sku: { name: account.sku, tier: account.sku.split('_')[0] },
    ...(account.identity === undefined ? {} : { identity: account.identity }),
    properties: {
      supportsHttpsTrafficOnly: true,
      allowBlobPublicAccess: false,
      minimumTlsVersion: 'TLS1_0',
      accessTier: 'Hot',
      ...rest,
      provisioningState: provisioningState(account.life.state()),
      creationTime: account.createdAt.toISOString(),
      primaryLocation: account.location,
      statusOfPrimary: 'available',
      primaryEndpoints: { blob: `https://${account.name}.blob.core.windows.net/` },
      encryption: {
        keySource: 'Microsoft.Storage',
        services: {
          blob: { enabled: true, keyType: 'Account' },
          file: { enabled: true, keyType: 'Account' },
        },
        ...encryption,
      },
    },
  }
}

const takenName = (name: string): Refusal =>
  new Refusal(409, 'StorageAccountAlreadyTaken', `The storage account named ${name} is already taken.`)

/** For seeding: accounts as they would be listed. */
export const accountsOf = (context: Context): Account[] => [...context.accounts.values()]
