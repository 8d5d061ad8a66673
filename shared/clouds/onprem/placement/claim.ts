import type { Host, Site } from '#shared/clouds/onprem/hosts.ts'
import { rankHosts, reasonByRoom, type Demand, type HostView } from '#shared/clouds/onprem/placement/rank.ts'
import { claimsOf, viewHosts } from '#shared/clouds/onprem/placement/view.ts'
import type { VmRecord } from '#shared/clouds/onprem/records.ts'
import { refusal } from '#shared/clouds/onprem/refusals.ts'
import { pause } from '#shared/clouds/scope.ts'

/**
 * Finds a host for a VM and keeps room there by writing its record. Several processes may do so at the same time: each writes first and counts
 * then, so whoever counts last sees all, and what is given away never exceeds what there is.
 * @throws CloudError `capacity` if no host has room, saying of each why not.
 */
export async function claimHost(site: Site, region: string, demand: Demand, record: VmRecord): Promise<Host> {
  const hosts = hostsFor(site, region, demand)
  for (let round = 1; ; round++) {
    const { views, unreachable } = await viewHosts(site, region, hosts)
    for (const view of rankHosts(demand, views, unreachable)) {
      const host = hosts.find(({ name }) => name === view.name)
      if (!host) continue
      await host.records.insert('vm', demand.id, record)
      if (await keepsRoom(host, demand, view)) return host
      await host.records.remove('vm', demand.id)
    }
    if (round === rounds)
      throw refusal('compute.create', `Other VMs took the room at ${region} each time it was counted.`, {
        code: 'conflict',
        kind: 'retryable',
        remedy: 'It is tried again.',
      })
    await pause(Math.random() * lookAgainMs * round)
  }
}

/**
 * Counts what is claimed on a host. Too much means that others claimed at the same moment: then the one with the smallest id waits for the
 * others to give way, and they do.
 */
export async function keepsRoom(
  host: Host,
  demand: Pick<Demand, 'id' | 'vcpus' | 'memoryMib' | 'dedicated'>,
  view: Pick<HostView, 'vcpus' | 'memoryMib'>,
): Promise<boolean> {
  for (let look = 1; look <= looks; look++) {
    const vms = await host.records.list('vm')
    const claimed = { ...view, claims: claimsOf(vms), freeBytes: 0 }
    if (reasonByRoom({ ...demand, storageBytes: 0 }, claimed) === undefined) return true
    const rivals = vms.filter(
      ({ id, body }) =>
        id !== demand.id && (body.phase === 'creating' || body.phase === 'arriving') && !body.placed,
    )
    if (rivals.length === 0 || rivals.some(({ id }) => id < demand.id)) return false
    await pause(lookAgainMs)
  }
  return false
}

function hostsFor(
  site: Site,
  region: string,
  { zone, except }: Pick<Demand, 'zone' | 'except'>,
): readonly Host[] {
  const hosts = site.inRegion(region).filter(({ name }) => name !== except)
  const wanted = zone === undefined ? hosts : hosts.filter(({ name }) => name === zone)
  if (wanted.length > 0) return wanted
  throw refusal('compute.create', `zone: there is no host ${zone} at ${region}.`, {
    code: 'invalid_request',
    remedy: `Use one of: ${hosts.map(({ name }) => name).join(', ')}; or leave it out.`,
  })
}

const rounds = 5
const looks = 20
const lookAgainMs = 50
