import type { Subnet, VirtualNetwork } from '@azure/arm-network'
import type { AzureClient } from '#shared/clouds/azure/client.ts'
import { goneIsFine } from '#shared/clouds/azure/gone.ts'
import { withGroup } from '#shared/clouds/azure/group.ts'
import { creationState } from '#shared/clouds/azure/mapping.ts'
import { armId, canonicalId, nameFor } from '#shared/clouds/azure/names.ts'
import { networkType, targetOf } from '#shared/clouds/azure/networks/ids.ts'
import { readSubnetRecords } from '#shared/clouds/azure/networks/subnet-records.ts'
import { shownName, withName } from '#shared/clouds/azure/tags.ts'
import type { CloudNetwork, CloudRef, CloudSubnet, NetworksFacet } from '#shared/clouds/port.ts'

/** Virtual networks. Azure makes none by itself, so none is a default one. */
export function createVirtualNetworks(
  client: AzureClient,
): Pick<NetworksFacet, 'list' | 'get' | 'create' | 'delete'> {
  return {
    async *list({ region }) {
      for await (const network of client.pages('VirtualNetworks_ListAll', () =>
        client.network.virtualNetworks.listAll(),
      )) {
        if (network.location === region) yield toNetwork(network)
      }
    },

    async get(ref) {
      const found = await findNetwork(client, ref)
      return found && toNetwork(found)
    },

    async create({ token, tags, region, name: wantedName, cidr }) {
      const target = { ...targetOf(client, networkType, nameFor(token)) }
      const { group, name } = target
      const made = await findNetwork(client, { region, id: name })
      if (made?.provisioningState !== 'Succeeded') {
        await withGroup(client, region, () =>
          client.finish('VirtualNetworks_CreateOrUpdate', (pace) =>
            client.network.virtualNetworks.createOrUpdate(
              group,
              name,
              {
                location: region,
                tags: withName(tags, wantedName),
                addressSpace: { addressPrefixes: [cidr] },
                subnets: [],
              },
              pace,
            ),
          ),
        )
      }
      return { region, id: armId(target) }
    },

    async delete(ref) {
      const { group, name } = targetOf(client, networkType, ref.id)
      await goneIsFine(
        client.finish('VirtualNetworks_Delete', (pace) =>
          client.network.virtualNetworks.delete(group, name, pace),
        ),
      )
    },
  }
}

export function findNetwork(client: AzureClient, ref: CloudRef): Promise<VirtualNetwork | undefined> {
  const { group, name } = targetOf(client, networkType, ref.id)
  return client.find('VirtualNetworks_Get', () => client.network.virtualNetworks.get(group, name))
}

/** A network in our terms, its subnets with the tags that are kept for them (see `subnet-records.ts`). */
export function toNetwork(network: VirtualNetwork): CloudNetwork {
  const { own, subnets: records } = readSubnetRecords(network.tags ?? {})
  return {
    region: network.location ?? '',
    id: canonicalId(network.id ?? ''),
    name: shownName(network),
    cidrs: network.addressSpace?.addressPrefixes ?? [],
    state: creationState(network),
    isDefault: false,
    subnets: (network.subnets ?? []).map((subnet) =>
      toSubnet(network, subnet, records.get(subnet.name ?? '') ?? {}),
    ),
    tags: own,
  }
}

function toSubnet(network: VirtualNetwork, subnet: Subnet, tags: Record<string, string>): CloudSubnet {
  return {
    region: network.location ?? '',
    id: canonicalId(subnet.id ?? ''),
    name: shownName({ tags, ...(subnet.name === undefined ? {} : { name: subnet.name }) }),
    network: canonicalId(network.id ?? ''),
    cidr: subnet.addressPrefix ?? subnet.addressPrefixes?.[0] ?? '',
    tags,
  }
}
