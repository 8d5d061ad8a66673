import { createHash } from 'node:crypto'
import type { StorageAccount } from '@azure/arm-storage'
import type { AzureClient } from '#shared/clouds/azure/client.ts'
import { CloudError } from '#shared/clouds/errors.ts'

/**
 * What other clouds call a bucket is a container of a storage account here; and as versioning, public access, lifecycle, keys and tags are
 * the account's, each bucket that NovaCron makes gets an account of its own. A bucket's id is `account/container`.
 */
export interface BucketPlace {
  account: string
  container: string
}

/** The tag of our accounts that names their one container. */
export const bucketTag = 'novacron-bucket'

/**
 * Reads a bucket's id; the bare name will do for one that NovaCron made, since the account's name follows from it.
 * @throws CloudError `invalid_request` for anything else.
 */
export function bucketPlace(client: AzureClient, id: string): BucketPlace {
  const [container = '', account, ...more] = id.split('/').toReversed()
  if (more.length > 0 || !isContainerName(container)) throw notBucket(id)
  if (account === undefined) return { account: accountNameFor(client, container), container }
  if (!/^[a-z\d]{3,24}$/.test(account)) throw notBucket(id)
  return { account, container }
}

export const bucketIdOf = ({ account, container }: BucketPlace): string => `${account}/${container}`

/**
 * The names of accounts are shared by the whole world; so ours are digests of the bucket's name and of where it is: a second bucket of the
 * same name meets the first, whatever its token.
 */
export function accountNameFor({ settings }: AzureClient, container: string): string {
  const scope = [settings.subscriptionId, settings.resourceGroup, container].join('/').toLowerCase()
  return `nc${createHash('sha256').update(scope).digest('hex').slice(0, 22)}`
}

/** https://learn.microsoft.com/rest/api/storageservices/naming-and-referencing-containers--blobs--and-metadata */
export const isContainerName = (name: string): boolean =>
  /^[a-z\d](-?[a-z\d])+$/.test(name) && name.length >= 3 && name.length <= 63

/** An account with the resource group it is in. Looked for in ours first; an id tells only the name, so else in all. */
export async function findAccount(
  client: AzureClient,
  name: string,
): Promise<(StorageAccount & { group: string }) | undefined> {
  const group = client.settings.resourceGroup
  const ours = await client.find('StorageAccounts_GetProperties', () =>
    client.storage.storageAccounts.getProperties(group, name),
  )
  if (ours) return { ...ours, group }
  for await (const account of client.pages('StorageAccounts_List', () =>
    client.storage.storageAccounts.list(),
  )) {
    if (account.name === name) return { ...account, group: groupOf(account) }
  }
  return undefined
}

export const groupOf = ({ id = '' }: { id?: string }): string => id.split('/')[4] ?? ''

const notBucket = (id: string): CloudError =>
  new CloudError(`"${id}" is not the id of a bucket on Azure.`, {
    cloud: 'azure',
    operation: 'parse id',
    code: 'invalid_request',
    remedy:
      'Use account/container: 3 to 24 letters and digits, then 3 to 63 lower-case letters, digits and single hyphens.',
    details: { field: 'bucket' },
  })
