import { page, type ArmHandler, type ArmRequest, type Context } from '#test/clouds/azure/context.ts'
import { json, Refusal } from '#test/clouds/azure/replies.ts'
import { flag, object, oneOf, text, whole } from '#test/clouds/azure/schema.ts'
import { accountType } from '#test/clouds/azure/storage/accounts.ts'
import { accountOf, empty, newEtag, type Account, type Container } from '#test/clouds/azure/storage/world.ts'

/** Containers and the blob service of an account, as Azure Resource Manager shows them. */

const containerBody = object('BlobContainer', {
  properties: object('ContainerProperties', {
    publicAccess: oneOf('None', 'Blob', 'Container'),
    metadata: () => {},
    defaultEncryptionScope: text,
    denyEncryptionScopeOverride: flag,
  }),
})

export const putContainer: ArmHandler = (context, request) => {
  const account = accountOf(context, request)
  refuseWhileMade(account)
  containerBody(request.body ?? {}, '')
  const name = request.path['container'] ?? ''
  if (!/^[a-z\d](-?[a-z\d])+$/.test(name) || name.length < 3 || name.length > 63)
    throw new Refusal(
      400,
      'ContainerNameInvalid',
      `The resource name length is not within the permissible limits, or its characters are not: '${name}'.`,
    )
  const { properties = {} } = (request.body ?? {}) as { properties?: { publicAccess?: string } }
  const { publicAccess = 'None' } = properties
  if (publicAccess !== 'None' && account.given['allowBlobPublicAccess'] !== true)
    throw new Refusal(
      409,
      'PublicAccessNotPermitted',
      'Public access is not permitted on this storage account.',
    )
  const existing = account.containers.get(name)
  if (existing) {
    existing.publicAccess = publicAccess
    return json(200, show(account, existing))
  }
  const container: Container = {
    name,
    publicAccess,
    etag: newEtag(),
    modifiedAt: new Date(),
    blobs: new Map(),
    versions: [],
    staged: new Map(),
  }
  account.containers.set(name, container)
  return json(201, show(account, container))
}

export const getContainer: ArmHandler = (context, request) => {
  const account = accountOf(context, request)
  const container = account.containers.get(request.path['container'] ?? '')
  if (container) return json(200, show(account, container))
  throw new Refusal(404, 'ContainerNotFound', 'The specified container does not exist.')
}

export const listContainers: ArmHandler = (context, request) => {
  const account = accountOf(context, request)
  const items = [...account.containers.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1))
  return page(
    context,
    request,
    `${account.id}/blobServices/default/containers`,
    items.map((container) => show(account, container)),
  )
}

export const deleteContainer: ArmHandler = (context, request) => {
  const account = accountOf(context, request)
  const container = account.containers.get(request.path['container'] ?? '')
  if (!container) return { status: 204 }
  account.containers.delete(container.name)
  context.later(empty(context, container))
  return { status: 200 }
}

const days = object('DeleteRetentionPolicy', {
  enabled: flag,
  days: whole(1, 365),
  allowPermanentDelete: flag,
})

const serviceBody = object('BlobServiceProperties', {
  properties: object('BlobServicePropertiesProperties', {
    isVersioningEnabled: flag,
    deleteRetentionPolicy: days,
    containerDeleteRetentionPolicy: days,
    defaultServiceVersion: text,
    automaticSnapshotPolicyEnabled: flag,
  }),
})

export const putService: ArmHandler = (context, request) => {
  const account = accountOf(context, request)
  refuseWhileMade(account)
  serviceBody(request.body, '')
  const { properties = {} } = request.body as { properties?: { isVersioningEnabled?: boolean } }
  if (properties.isVersioningEnabled !== undefined) account.versioning = properties.isVersioningEnabled
  return json(200, showService(account))
}

export const getService: ArmHandler = (context: Context, request: ArmRequest) =>
  json(200, showService(accountOf(context, request)))

const showService = (account: Account) => ({
  id: `${account.id}/blobServices/default`,
  name: 'default',
  type: `${accountType}/blobServices`,
  sku: { name: account.sku, tier: account.sku.split('_')[0] },
  properties: {
    cors: { corsRules: [] },
    deleteRetentionPolicy: { enabled: false },
    isVersioningEnabled: account.versioning,
  },
})

const show = (account: Account, { name, publicAccess, etag, modifiedAt }: Container) => ({
  id: `${account.id}/blobServices/default/containers/${name}`,
  name,
  type: `${accountType}/blobServices/containers`,
  etag,
  properties: {
    publicAccess,
    leaseStatus: 'Unlocked',
    leaseState: 'Available',
    lastModifiedTime: modifiedAt.toISOString(),
    hasImmutabilityPolicy: false,
    hasLegalHold: false,
  },
})

function refuseWhileMade(account: Account): void {
  if (account.life.state() !== 'creating') return
  throw new Refusal(
    409,
    'StorageAccountIsNotProvisioned',
    'The storage account provisioning state must be Succeeded before executing the operation.',
  )
}
