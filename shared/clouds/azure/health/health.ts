import type { AzureClient } from '#shared/clouds/azure/client.ts'
import { CloudError } from '#shared/clouds/errors.ts'
import type { HealthFacet } from '#shared/clouds/port.ts'

const subscriptionsApi = '2022-12-01'

/** How Azure Resource Manager answers this process. */
export const createHealth = (client: AzureClient): HealthFacet => ({
  report: () => client.health(),
  async probe() {
    try {
      await client.arm(
        'Subscriptions_Get',
        'GET',
        `/subscriptions/${client.settings.subscriptionId}`,
        subscriptionsApi,
      )
    } catch (error) {
      if (!(error instanceof CloudError)) throw error
    }
    return client.health()
  },
})
