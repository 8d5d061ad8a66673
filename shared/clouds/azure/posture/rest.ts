import type { AzureClient } from '#shared/clouds/azure/client.ts'
import { known } from '#shared/clouds/azure/posture/machines.ts'
import type { ImagesFacet, PostureResource } from '#shared/clouds/port.ts'

/** https://learn.microsoft.com/rest/api/serialconsole */
const serialConsoleApi = '2018-05-01'

export async function* images(facet: ImagesFacet, region: string): AsyncGenerator<PostureResource> {
  for await (const { id, name, tags, public: everybody } of facet.list({ region }))
    yield { kind: 'image', region, id, name, tags, public: everybody, encrypted: true }
}

export async function* addresses(client: AzureClient, region: string): AsyncGenerator<PostureResource> {
  for await (const address of client.pages('PublicIPAddresses_ListAll', () =>
    client.network.publicIPAddresses.listAll(),
  )) {
    if (address.location !== region) continue
    const attached = address.ipConfiguration !== undefined || address.natGateway !== undefined
    yield { kind: 'address', ...known(region, address), attached }
  }
}

/** What holds for the subscription. Managed disks cannot be unencrypted. */
export async function accountPosture(client: AzureClient, region: string): Promise<PostureResource> {
  const { subscriptionId } = client.settings
  const console = (await client.find('Console_GetStatus', () =>
    client.arm(
      'Console_GetStatus',
      'GET',
      `/subscriptions/${subscriptionId}/providers/Microsoft.SerialConsole/consoleServices/default`,
      serialConsoleApi,
    ),
  )) as { properties?: { disabled?: boolean } } | undefined
  return {
    kind: 'account',
    region,
    id: subscriptionId,
    name: subscriptionId,
    tags: {},
    disksEncryptedByDefault: true,
    serialConsoleAllowed: console?.properties?.disabled !== true,
  }
}
