import type { AzureClient } from '#shared/clouds/azure/client.ts'
import type { Quota, QuotasFacet } from '#shared/clouds/port.ts'

/** What Azure says of one limit; compute, networks and storage alike. */
interface Usage {
  name?: { value?: string; localizedValue?: string }
  currentValue?: number
  limit?: number
  unit?: string
}

/** The subscription's limits in a region with what is used of them. */
export function createQuotas(client: AzureClient): QuotasFacet {
  const { compute, network, storage } = client
  const lists: [service: string, operation: string, list: (region: string) => AsyncIterable<Usage>][] = [
    ['Microsoft.Compute', 'Usage_List', (region) => compute.usage.list(region)],
    ['Microsoft.Network', 'Usages_List', (region) => network.usages.list(region)],
    ['Microsoft.Storage', 'Usages_ListByLocation', (region) => storage.usages.listByLocation(region)],
  ]
  return {
    async list(region) {
      const found = await Promise.all(
        lists.map(async ([service, operation, list]) => {
          const quotas: Quota[] = []
          for await (const usage of client.pages(operation, () => list(region)))
            quotas.push(toQuota(service, region, usage))
          return quotas
        }),
      )
      return found.flat()
    },
  }
}

function toQuota(service: string, region: string, { name, currentValue, limit = 0, unit }: Usage): Quota {
  const value = name?.value ?? ''
  const family = service === 'Microsoft.Compute' && /Family$/i.test(value) ? value : undefined
  const kind = family === undefined ? kinds[`${service}/${value.toLowerCase()}`] : 'vcpus'
  return {
    id: `${service}/${value}`,
    name: name?.localizedValue ?? value,
    region,
    ...(kind === undefined ? {} : { kind }),
    ...(family === undefined ? {} : { family }),
    limit,
    ...(currentValue === undefined ? {} : { used: currentValue }),
    unit: unit ?? 'Count',
  }
}

/** Disks of ours are standard SSDs, so theirs is the count that placement looks at. */
const kinds: Readonly<Record<string, Quota['kind']>> = {
  'Microsoft.Compute/cores': 'vcpus',
  'Microsoft.Compute/lowprioritycores': 'spot_vcpus',
  'Microsoft.Compute/virtualmachines': 'vms',
  'Microsoft.Compute/standardssddiskcount': 'volumes',
  'Microsoft.Compute/standardsnapshotcount': 'snapshots',
  'Microsoft.Network/virtualnetworks': 'networks',
  'Microsoft.Network/networksecuritygroups': 'security_groups',
  'Microsoft.Network/publicipaddresses': 'addresses',
}
