import type { BlobContainer, ListContainerItem, StorageAccount } from '@azure/arm-storage'
import type { AzureClient } from '#shared/clouds/azure/client.ts'
import { ensureAccount, keyOf } from '#shared/clouds/azure/storage/accounts.ts'
import { fromPolicyRules, isOfContainer, toPolicyRules } from '#shared/clouds/azure/storage/lifecycle.ts'
import {
  bucketIdOf,
  bucketPlace,
  bucketTag,
  findAccount,
  groupOf,
  isContainerName,
  type BucketPlace,
} from '#shared/clouds/azure/storage/places.ts'
import { CloudError, isNotFound } from '#shared/clouds/errors.ts'
import type { BucketsFacet, CloudBucket, LifecycleRule } from '#shared/clouds/port.ts'

/** Containers of storage accounts as buckets; see BucketPlace for why each of ours has an account of its own. */
export function createBuckets(client: AzureClient): BucketsFacet {
  const { blobContainers, blobServices, managementPolicies, storageAccounts } = client.storage

  const setRules = async (group: string, { account, container }: BucketPlace, rules: LifecycleRule[]) => {
    const wanted = toPolicyRules(container, rules)
    const found = await client.find('ManagementPolicies_Get', () =>
      managementPolicies.get(group, account, 'default'),
    )
    const others = (found?.policy?.rules ?? []).filter((rule) => !isOfContainer(container, rule))
    if (wanted.length + others.length > 0) {
      await client.call('ManagementPolicies_CreateOrUpdate', () =>
        managementPolicies.createOrUpdate(group, account, 'default', {
          policy: { rules: [...others, ...wanted] },
        }),
      )
    } else if (found) {
      await client.find('ManagementPolicies_Delete', () =>
        managementPolicies.delete(group, account, 'default'),
      )
    }
  }

  return {
    async *list({ region }) {
      for await (const account of client.pages('StorageAccounts_List', () => storageAccounts.list())) {
        if (account.location !== region) continue
        yield* bucketsOf(client, account)
      }
    },

    async get(ref) {
      const { account: name, container } = bucketPlace(client, ref.id)
      const account = await findAccount(client, name)
      if (!account) return undefined
      const found = await client.find('BlobContainers_Get', () =>
        blobContainers.get(account.group, name, container),
      )
      return found && describe(account, container, found, await settingsOf(client, account))
    },

    async create({ versioning, lifecycle, ...request }) {
      if (!isContainerName(request.name)) throw badName(request.name)
      toPolicyRules(request.name, lifecycle)
      const account = await ensureAccount(client, request)
      const place = { account, container: request.name }
      const group = client.settings.resourceGroup
      await client.call('BlobContainers_Create', () =>
        blobContainers.create(group, account, request.name, { publicAccess: 'None' }),
      )
      await client.call('BlobServices_SetServiceProperties', () =>
        blobServices.setServiceProperties(group, account, { isVersioningEnabled: versioning }),
      )
      if (lifecycle.length > 0) await setRules(group, place, lifecycle)
      return { region: request.region, id: bucketIdOf(place) }
    },

    async setLifecycle(ref, rules) {
      const place = bucketPlace(client, ref.id)
      const account = await findAccount(client, place.account)
      if (!account) throw missing(ref.id)
      await setRules(account.group, place, rules)
    },

    async delete(ref, { withObjects }) {
      const place = bucketPlace(client, ref.id)
      const account = await findAccount(client, place.account)
      if (!account) return
      if (!withObjects && (await holdsObjects(client, place))) throw notEmpty(ref.id)
      if (await isOurs(client, account, place)) {
        await client.find('StorageAccounts_Delete', () =>
          storageAccounts.delete(account.group, place.account),
        )
      } else {
        await client.find('BlobContainers_Delete', () =>
          blobContainers.delete(account.group, place.account, place.container),
        )
      }
    },
  }
}

/** What holds for all containers of an account. */
export interface AccountSettings {
  versioning: boolean
  rules: Parameters<typeof fromPolicyRules>[1]
}

export async function settingsOf(client: AzureClient, account: StorageAccount): Promise<AccountSettings> {
  const [group, name] = [groupOf(account), account.name ?? '']
  const [service, policy] = await Promise.all([
    client.find('BlobServices_GetServiceProperties', () =>
      client.storage.blobServices.getServiceProperties(group, name),
    ),
    client.find('ManagementPolicies_Get', () =>
      client.storage.managementPolicies.get(group, name, 'default'),
    ),
  ])
  return { versioning: service?.isVersioningEnabled ?? false, rules: policy?.policy?.rules ?? [] }
}

/** An account's containers as buckets. */
export async function* bucketsOf(client: AzureClient, account: StorageAccount): AsyncGenerator<CloudBucket> {
  const settings = await settingsOf(client, account)
  for await (const container of client.pages('BlobContainers_List', () =>
    client.storage.blobContainers.list(groupOf(account), account.name ?? ''),
  )) {
    yield describe(account, container.name ?? '', container, settings)
  }
}

function describe(
  account: StorageAccount,
  container: string,
  { publicAccess }: Pick<BlobContainer | ListContainerItem, 'publicAccess'>,
  { versioning, rules }: AccountSettings,
): CloudBucket {
  const id = bucketIdOf({ account: account.name ?? '', container })
  const keyId = keyOf(account)
  const open = publicAccess !== undefined && publicAccess !== 'None'
  return {
    region: account.location,
    id,
    name: id,
    encrypted: true,
    ...(keyId === undefined ? {} : { keyId }),
    versioning,
    access: account.allowBlobPublicAccess === true ? (open ? 'public' : 'private') : 'blocked',
    lifecycle: fromPolicyRules(container, rules),
    tags: account.tags ?? {},
    ...(account.creationTime === undefined ? {} : { createdAt: account.creationTime }),
  }
}

/** Any object, or an earlier version of one. */
async function holdsObjects(client: AzureClient, { account, container }: BucketPlace): Promise<boolean> {
  const blobs = await client.container(account, container)
  try {
    for await (const _ of client.pages('Container_ListBlobFlatSegment', () =>
      blobs.listBlobsFlat({ includeVersions: true }),
    ))
      return true
    return false
  } catch (error) {
    if (isNotFound(error)) return false
    throw error
  }
}

/** Is the account one that was made for this container alone? */
async function isOurs(client: AzureClient, account: StorageAccount, place: BucketPlace): Promise<boolean> {
  if (account.tags?.[bucketTag] !== place.container) return false
  for await (const { name } of client.pages('BlobContainers_List', () =>
    client.storage.blobContainers.list(groupOf(account), place.account),
  ))
    if (name !== place.container) return false
  return true
}

const badName = (name: string): CloudError =>
  new CloudError(`name "${name}" is not one that Azure takes for a container.`, {
    cloud: 'azure',
    operation: 'BlobContainers_Create',
    code: 'invalid_request',
    remedy: 'Use 3 to 63 lower-case letters, digits and single hyphens, a letter or digit first and last.',
    details: { field: 'name' },
  })

const missing = (id: string): CloudError =>
  new CloudError(`There is no bucket ${id}.`, {
    cloud: 'azure',
    operation: 'StorageAccounts_GetProperties',
    code: 'not_found',
  })

const notEmpty = (id: string): CloudError =>
  new CloudError(`The bucket ${id} holds objects.`, {
    cloud: 'azure',
    operation: 'BlobContainers_Delete',
    code: 'conflict',
    kind: 'permanent',
    remedy: 'Delete its objects first, or ask for the bucket to be deleted with its objects.',
  })
