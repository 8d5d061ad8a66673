import { createHash } from 'node:crypto'
import type { AzureClient } from '#shared/clouds/azure/client.ts'
import type { Tagged } from '#shared/clouds/azure/inventory/kinds.ts'
import { nameFor } from '#shared/clouds/azure/names.ts'
import { readSubnetRecords } from '#shared/clouds/azure/networks/subnet-records.ts'

/**
 * Name of the subnet of an intent. It ends with the job's digest: a subnet that was under way when its record was taken away has nothing else
 * that tells whose it is.
 */
export const subnetNameFor = (token: string, tags: Readonly<Record<string, string>>): string =>
  `${nameFor(token)}${jobMark(tags)}`

/**
 * Subnets of all networks of the subscription, which may be in anybody's resource group, with the tags that are kept for them. Told of are also
 * those that only are on record, or that only their names tell of to be of the job among `tags`: they get those.
 */
export async function* ownedSubnets(
  { network }: AzureClient,
  tags: Readonly<Record<string, string>>,
): AsyncGenerator<Tagged> {
  const mark = jobMark(tags)
  for await (const {
    id: networkId = '',
    location = '',
    tags: kept = {},
    subnets = [],
  } of network.virtualNetworks.listAll()) {
    const { subnets: records } = readSubnetRecords(kept)
    const marked = subnets.flatMap(({ name = '' }) =>
      mark !== '' && name.endsWith(mark) && !records.has(name) ? [[name, { ...tags }] as const] : [],
    )
    for (const [name, its] of [...records, ...marked])
      yield { id: `${networkId}/subnets/${name}`, name, location, tags: its }
  }
}

function jobMark({ 'novacron-job': job }: Readonly<Record<string, string>>): string {
  return job === undefined ? '' : `-${createHash('sha256').update(job).digest('hex').slice(0, 12)}`
}
