import { CloudError } from '#shared/clouds/errors.ts'
import type { CloudHost, CloudRef, HostsFacet } from '#shared/clouds/port.ts'
import type { Needs } from '#shared/clouds/onprem/compute/needs.ts'
import type { Host, Site } from '#shared/clouds/onprem/hosts.ts'
import { relocateVm } from '#shared/clouds/onprem/hosts/relocate.ts'
import { capacityOf, hostsInMaintenance } from '#shared/clouds/onprem/placement/view.ts'
import { notFound, refusal } from '#shared/clouds/onprem/refusals.ts'

/** The hosts themselves. */
export function createHosts(site: Site, needs: Needs): HostsFacet {
  return {
    async *list({ region }) {
      const resting = await hostsInMaintenance(site, region)
      yield* await Promise.all(site.inRegion(region).map((host) => describe(host, resting.has(host.name))))
    },
    setMaintenance: (ref, on) => setMaintenance(site, ref, on),
    relocate: (vm, wishes) => relocateVm(site, needs, vm, wishes),
  }
}

async function setMaintenance(site: Site, { region, id }: CloudRef, on: boolean): Promise<void> {
  const operation = 'hosts.setMaintenance'
  const host = site.inRegion(region).find(({ name }) => name === id)
  if (host === undefined) throw notFound(operation, 'host', { region, id })
  if (!on && host.settings.maintenance)
    throw refusal(operation, `The registration says that ${id} is in maintenance.`, {
      code: 'conflict',
      remedy: 'Set options.hosts[].maintenance to false there.',
    })
  await site.homeOf(region).records.put('host', id, { maintenance: on })
}

/** A host that cannot be asked is listed all the same. */
async function describe(host: Host, maintenance: boolean): Promise<CloudHost> {
  const ref = { region: host.region, id: host.name }
  try {
    const [facts, limit, vms, pools] = await Promise.all([
      host.facts(),
      capacityOf(host),
      host.records.list('vm'),
      host.volumes.pools(),
    ])
    const used = (of: 'vcpus' | 'memoryMib') => vms.reduce((sum, { body }) => sum + body[of], 0)
    return {
      ...ref,
      state: maintenance ? 'maintenance' : 'ready',
      hypervisor: facts.hypervisor,
      acceleration: facts.acceleration,
      vcpus: { total: facts.cpus, limit: limit.vcpus, used: used('vcpus') },
      memoryMib: { total: facts.memoryMib, limit: limit.memoryMib, used: used('memoryMib') },
      pools,
      vms: vms.length,
    }
  } catch (error) {
    // Being slowed down, or not allowed to ask any more, says nothing about a host.
    if (!(error instanceof CloudError) || error.code === 'throttled') throw error
    const none = { used: 0 }
    return {
      ...ref,
      state: 'unreachable',
      message: error.message,
      vcpus: none,
      memoryMib: none,
      pools: [],
      vms: 0,
    }
  }
}
