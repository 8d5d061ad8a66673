import type { AzureClient } from '#shared/clouds/azure/client.ts'
import { CloudError } from '#shared/clouds/errors.ts'

const resourcesApi = '2022-12-01'

/**
 * Runs a creating call; where it fails because the provider's resource group does not exist, makes the group in `region` and
 * runs it again. So the usual case costs no look-up. The group is shared by all jobs and stays.
 */
export async function withGroup<T>(client: AzureClient, region: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (!(error instanceof CloudError) || error.vendorCode !== 'ResourceGroupNotFound') throw error
    const { subscriptionId, resourceGroup } = client.settings
    const path = `/subscriptions/${subscriptionId}/resourceGroups/${resourceGroup}`
    await client.arm('ResourceGroups_CreateOrUpdate', 'PUT', path, resourcesApi, {
      location: region,
      tags: { 'novacron-shared': 'true' },
    })
    return work()
  }
}
