import type { Quota, QuotasFacet } from '#shared/clouds/port.ts'
import { answering } from '#shared/clouds/onprem/answering.ts'
import type { Host, Site } from '#shared/clouds/onprem/hosts.ts'
import { capacityOf, hostsInMaintenance } from '#shared/clouds/onprem/placement/view.ts'
import { gibibyte } from '#shared/clouds/onprem/volumes/refs.ts'

/**
 * What a location's hosts can give away after over-commit, and what its VMs have been given, running or not: a stopped one is to find its room
 * again. Of storage what the pools hold: volumes take only as much as was written to them. Hosts in maintenance, and such as do not answer, are
 * left out.
 */
export const createQuotas = (site: Site): QuotasFacet => ({
  async list(region) {
    const resting = await hostsInMaintenance(site, region)
    const hosts = site.inRegion(region).filter(({ name }) => !resting.has(name))
    const counted = await answering(hosts.map(countHost))
    const total = (part: (host: Counted) => number) => counted.reduce((sum, host) => sum + part(host), 0)
    const quotas: Quota[] = [
      {
        id: 'vcpus',
        name: 'vCPUs',
        region,
        kind: 'vcpus',
        limit: total(({ capacity }) => capacity.vcpus),
        used: total(({ claimed }) => claimed.vcpus),
        unit: 'vCPUs',
      },
      {
        id: 'memory',
        name: 'Memory',
        region,
        limit: total(({ capacity }) => capacity.memoryMib),
        used: total(({ claimed }) => claimed.memoryMib),
        unit: 'MiB',
      },
      {
        id: 'volume_gib',
        name: 'Storage pools',
        region,
        kind: 'volume_gib',
        limit: Math.floor(total(({ pools }) => pools.totalBytes) / gibibyte),
        used: Math.floor(total(({ pools }) => pools.totalBytes - pools.freeBytes) / gibibyte),
        unit: 'GiB',
      },
    ]
    const { addresses } = site.settings.options
    if (addresses.length === 0) return quotas
    const kept = await Array.fromAsync(site.all('address', undefined))
    return [
      ...quotas,
      {
        id: 'addresses',
        name: 'Public addresses of the registration',
        region,
        kind: 'addresses',
        limit: addresses.length,
        used: kept.length,
        unit: 'addresses',
      },
    ]
  },
})

interface Counted {
  capacity: { vcpus: number; memoryMib: number }
  claimed: { vcpus: number; memoryMib: number }
  pools: { totalBytes: number; freeBytes: number }
}

async function countHost(host: Host): Promise<Counted> {
  const [capacity, vms, pools] = await Promise.all([
    capacityOf(host),
    host.records.list('vm'),
    host.volumes.pools(),
  ])
  const sum = (values: number[]) => values.reduce((a, b) => a + b, 0)
  return {
    capacity,
    claimed: {
      vcpus: sum(vms.map(({ body }) => body.vcpus)),
      memoryMib: sum(vms.map(({ body }) => body.memoryMib)),
    },
    pools: {
      totalBytes: sum(pools.map(({ totalBytes }) => totalBytes)),
      freeBytes: sum(pools.map(({ freeBytes }) => freeBytes)),
    },
  }
}
