import { CloudError } from '#shared/clouds/errors.ts'
import type { Host, Site } from '#shared/clouds/onprem/hosts.ts'
import type { Claim, HostView } from '#shared/clouds/onprem/placement/rank.ts'
import type { VmRecord } from '#shared/clouds/onprem/records.ts'
import type { Stored } from '#shared/clouds/onprem/record-store.ts'
import { refusal } from '#shared/clouds/onprem/refusals.ts'

/** Looks at hosts of a location, all at once. @throws what a host threw, if none could be asked. */
export async function viewHosts(
  site: Site,
  region: string,
  hosts: readonly Host[],
): Promise<{ views: HostView[]; unreachable: string[] }> {
  const resting = await hostsInMaintenance(site, region)
  const answers = await Promise.allSettled(hosts.map((host) => viewHost(host, resting.has(host.name))))
  const views = answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []))
  const failures = answers.flatMap((answer, index) =>
    answer.status === 'rejected' ? [{ host: hosts[index]?.name, error: answer.reason as unknown }] : [],
  )
  for (const { error } of failures) if (views.length === 0 || !(error instanceof CloudError)) throw error
  return {
    views,
    unreachable: failures.map(
      ({ host, error }) => `${host} could not be asked (${(error as CloudError).code})`,
    ),
  }
}

/** Names of hosts that take no new VMs, by the registration or because somebody said so since. */
export async function hostsInMaintenance(site: Site, region: string): Promise<ReadonlySet<string>> {
  const said = await site.homeOf(region).records.list('host')
  const registered = site.inRegion(region).filter(({ settings }) => settings.maintenance)
  return new Set([
    ...registered.map(({ name }) => name),
    ...said.flatMap(({ id, body }) => (body.maintenance ? [id] : [])),
  ])
}

/** What a host can give away, after over-commit. Makes at most one call. */
export async function capacityOf({ settings, facts }: Host): Promise<{ vcpus: number; memoryMib: number }> {
  const { capacity, overcommit } = settings
  const { cpus, memoryMib } = await facts()
  return {
    vcpus: Math.floor((capacity.vcpus ?? cpus) * overcommit.vcpus),
    memoryMib: Math.floor((capacity.memory_mib ?? memoryMib) * overcommit.memory),
  }
}

export const claimsOf = (vms: readonly Stored<'vm'>[]): Claim[] =>
  vms.map(({ id, body }) => ({ id, ...claimOf(body) }))

const claimOf = ({ vcpus, memoryMib, tenancy }: VmRecord) => ({
  vcpus,
  memoryMib,
  dedicated: tenancy === 'dedicated',
})

/** The host's pool with the most room. */
export async function roomiestPool(host: Host): Promise<{ name: string; freeBytes: number }> {
  const pools = await host.volumes.pools()
  const [best] = pools.toSorted((a, b) => b.freeBytes - a.freeBytes || (a.name < b.name ? -1 : 1))
  if (best) return best
  throw refusal('placement', `Host ${host.name} has no storage pool.`, {
    code: 'capacity',
    kind: 'capacity',
    scope: 'zone',
    remedy: 'Give the host a pool in the registration (options.hosts[].pools).',
  })
}

async function viewHost(host: Host, maintenance: boolean): Promise<HostView> {
  const [capacity, { architectures, firmwares, networkKinds }, vms, { freeBytes }] = await Promise.all([
    capacityOf(host),
    host.facts(),
    host.records.list('vm'),
    roomiestPool(host),
  ])
  return {
    name: host.name,
    ...capacity,
    claims: claimsOf(vms),
    maintenance,
    freeBytes,
    architectures,
    firmwares,
    networkKinds,
    bridges: host.settings.bridges,
  }
}
