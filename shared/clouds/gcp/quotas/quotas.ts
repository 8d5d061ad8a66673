import type { protos } from '@google-cloud/compute'
import type { GcpClient } from '#shared/clouds/gcp/client.ts'
import type { Quota, QuotasFacet } from '#shared/clouds/port.ts'

type VendorQuota = protos.google.cloud.compute.v1.IQuota

/** Quotas of Compute Engine: those of the region, and those of the project, which count everywhere. */
export function createQuotas(gcp: GcpClient): QuotasFacet {
  const { project } = gcp
  return {
    async list(region) {
      const [ofRegion, ofProject] = await Promise.all([
        gcp.compute('Regions', 'compute.regions.get', (client, once) =>
          client.get({ project, region }, once),
        ),
        gcp.compute('Projects', 'compute.projects.get', (client, once) => client.get({ project }, once)),
      ])
      const regional = (ofRegion[0].quotas ?? []).map((quota) => quotaOf(region, quota, 'region'))
      const taken = new Set(regional.map(({ id }) => id))
      // Older projects have some metrics on both levels; the region's is the one that is met first.
      const global = (ofProject[0].quotas ?? []).map((quota) => quotaOf(region, quota, 'project'))
      return [...regional, ...global.filter(({ id }) => !taken.has(id))]
    },
  }
}

function quotaOf(region: string, { metric, limit, usage }: VendorQuota, of: 'region' | 'project'): Quota {
  const id = metric ?? ''
  // Spot VMs of a project without a quota of their own count against the ordinary one.
  const { kind, family } = limit === 0 && id.startsWith('PREEMPTIBLE_') ? {} : meaningOf(id)
  return {
    id,
    name: `${id
      .toLowerCase()
      .replaceAll('_', ' ')
      .replace(/\bcpus\b/, 'vCPUs')} (${of === 'region' ? `region ${region}` : 'whole project'})`,
    region,
    ...(kind === undefined ? {} : { kind }),
    ...(family === undefined ? {} : { family }),
    limit: limit ?? 0,
    ...(usage === undefined || usage === null ? {} : { used: usage }),
    unit: unitOf(id),
  }
}

/** https://cloud.google.com/compute/resource-usage */
function meaningOf(metric: string): Partial<Pick<Quota, 'kind' | 'family'>> {
  const kind = kinds[metric]
  if (kind !== undefined) return { kind }
  const [, preemptible, family] = /^(PREEMPTIBLE_)?([A-Z]\d+[A-Z]?)_CPUS$/.exec(metric) ?? []
  if (family === undefined) return {}
  return { kind: preemptible === undefined ? 'vcpus' : 'spot_vcpus', family: family.toLowerCase() }
}

const kinds: Readonly<Record<string, NonNullable<Quota['kind']>>> = {
  CPUS: 'vcpus',
  PREEMPTIBLE_CPUS: 'spot_vcpus',
  INSTANCES: 'vms',
  DISKS_TOTAL_GB: 'volume_gib',
  SNAPSHOTS: 'snapshots',
  STATIC_ADDRESSES: 'addresses',
  NETWORKS: 'networks',
  FIREWALLS: 'security_groups',
}

const unitOf = (metric: string): string =>
  /CPUS/.test(metric) ? 'vCPU' : metric.endsWith('_GB') ? 'GiB' : /GPUS/.test(metric) ? 'GPU' : 'count'
