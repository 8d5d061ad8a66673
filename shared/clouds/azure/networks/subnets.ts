import type { Subnet } from '@azure/arm-network'
import type { AzureClient } from '#shared/clouds/azure/client.ts'
import { goneIsFine } from '#shared/clouds/azure/gone.ts'
import { armId } from '#shared/clouds/azure/names.ts'
import {
  networkType,
  subnetId,
  subnetTarget,
  targetOf,
  type SubnetTarget,
} from '#shared/clouds/azure/networks/ids.ts'
import { subnetNameFor } from '#shared/clouds/azure/networks/owned-subnets.ts'
import { recordTagsOf, writeSubnetRecord } from '#shared/clouds/azure/networks/subnet-records.ts'
import { findNetwork } from '#shared/clouds/azure/networks/virtual-networks.ts'
import { withName } from '#shared/clouds/azure/tags.ts'
import { CloudError, isNotFound } from '#shared/clouds/errors.ts'
import type { NetworksFacet } from '#shared/clouds/port.ts'

/** Subnets. Azure's span all zones of their region, so `zone` says nothing here. */
export function createSubnets(client: AzureClient): NetworksFacet['subnets'] {
  return {
    async create({ token, tags, network, name, cidr }) {
      const target = { network: targetOf(client, networkType, network.id), name: subnetNameFor(token, tags) }
      const made = await findSubnet(client, target)
      if (made?.provisioningState !== 'Succeeded') {
        // Its tags first: a subnet that nobody recorded could not be found again.
        await mergeTags(
          client,
          armId(target.network),
          'Merge',
          writeSubnetRecord(target.name, withName(tags, name)),
        )
        await putSubnet(client, target, cidr)
      }
      return { region: network.region, id: subnetId(target) }
    },

    async delete(ref) {
      const target = subnetTarget(client, ref.id)
      const { group, name: network } = target.network
      await goneIsFine(
        client.finish('Subnets_Delete', (pace) =>
          client.network.subnets.delete(group, network, target.name, pace),
        ),
      )
      const parent = await findNetwork(client, { region: ref.region, id: armId(target.network) })
      const records = recordTagsOf(parent?.tags ?? {}, target.name)
      if (records.length === 0) return
      const recorded = Object.fromEntries(records.map((tag) => [tag, parent?.tags?.[tag] ?? '']))
      await goneIsFine(mergeTags(client, armId(target.network), 'Delete', recorded))
    },
  }
}

export function findSubnet(
  client: AzureClient,
  { network, name }: SubnetTarget,
): Promise<Subnet | undefined> {
  return client.find('Subnets_Get', () => client.network.subnets.get(network.group, network.name, name))
}

/** Since 2026 new subnets are private unless they say otherwise; VMs without an address of their own are to reach the internet. */
export const openOutwards = { defaultOutboundAccess: true } as const

async function putSubnet(client: AzureClient, { network, name }: SubnetTarget, cidr: string): Promise<void> {
  try {
    await client.finish('Subnets_CreateOrUpdate', (pace) =>
      client.network.subnets.createOrUpdate(
        network.group,
        network.name,
        name,
        { addressPrefix: cidr, ...openOutwards },
        pace,
      ),
    )
  } catch (error) {
    throw isNotFound(error) ? noNetwork(network.name) : error
  }
}

/** Changes some tags of a network and leaves the others alone, whoever else changes them at the same time. */
async function mergeTags(
  client: AzureClient,
  scope: string,
  operation: 'Merge' | 'Delete',
  tags: Record<string, string>,
): Promise<void> {
  try {
    await client.arm(
      'Tags_UpdateAtScope',
      'PATCH',
      `${scope}/providers/Microsoft.Resources/tags/default`,
      tagsApi,
      { operation, properties: { tags } },
    )
  } catch (error) {
    throw isNotFound(error) && operation === 'Merge' ? noNetwork(scope.split('/').at(-1) ?? '') : error
  }
}

const tagsApi = '2021-04-01'

const noNetwork = (name: string): CloudError =>
  new CloudError(`network: Azure has no virtual network "${name}".`, {
    cloud: 'azure',
    operation: 'Subnets_CreateOrUpdate',
    code: 'not_found',
    kind: 'permanent',
    remedy: 'Name a network that exists; create one first.',
    details: { field: 'network' },
  })
