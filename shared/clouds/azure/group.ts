import type { AzureClient } from '#shared/clouds/azure/client.ts'
import { CloudError } from '#shared/clouds/errors.ts'

/**
 * Runs a creating call; where it fails because the provider's resource group does not exist, makes the group in `region` and
 * runs it again. So the usual case costs no look-up. The group is shared by all jobs and stays.
 */
export async function withGroup<T>(client: AzureClient, region: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (!(error instanceof CloudError) || error.vendorCode !== 'ResourceGroupNotFound') throw error
    const { resourceGroup } = client.settings
    await client.call('ResourceGroups_CreateOrUpdate', () =>
      client.resources.resourceGroups.createOrUpdate(resourceGroup, {
        location: region,
        tags: { 'novacron-shared': 'true' },
      }),
    )
    return work()
  }
}
