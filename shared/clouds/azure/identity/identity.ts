import type { AzureClient } from '#shared/clouds/azure/client.ts'
import { CloudError } from '#shared/clouds/errors.ts'
import type { IdentityFacet } from '#shared/clouds/port.ts'

const subscriptionsApi = '2022-12-01'

export function createIdentity(client: AzureClient): IdentityFacet {
  const { subscriptionId, clientId } = client.settings
  return {
    async validate() {
      const path = `/subscriptions/${subscriptionId}`
      const subscription = (await client.arm(
        'Subscriptions_Get',
        'GET',
        path,
        subscriptionsApi,
      )) as Subscription
      if (subscription.state === 'Enabled' || subscription.state === 'PastDue') {
        return { accountId: subscription.subscriptionId, principal: clientId }
      }
      throw new CloudError(`The Azure subscription ${subscriptionId} is in state "${subscription.state}".`, {
        cloud: 'azure',
        operation: 'Subscriptions_Get',
        code: 'forbidden',
        remedy: 'Reactivate the subscription in the Azure portal, or register another one.',
      })
    },
    async regions() {
      const path = `/subscriptions/${subscriptionId}/locations`
      const found = (await client.arm('Subscriptions_ListLocations', 'GET', path, subscriptionsApi)) as {
        value: Location[]
      }
      return found.value
        .filter(({ metadata }) => metadata?.regionType !== 'Logical')
        .map(({ name, displayName, availabilityZoneMappings = [] }) => ({
          id: name,
          name: displayName,
          zones: availabilityZoneMappings.map(({ logicalZone }) => logicalZone).toSorted(),
        }))
    },
  }
}

interface Subscription {
  subscriptionId: string
  state: string
}

interface Location {
  name: string
  displayName: string
  metadata?: { regionType?: string }
  availabilityZoneMappings?: { logicalZone: string }[]
}
