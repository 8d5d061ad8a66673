import type { MetricsFacet, VmMetric } from '#shared/clouds/port.ts'
import type { Found, Site } from '#shared/clouds/onprem/hosts.ts'
import { requireVm } from '#shared/clouds/onprem/compute/find.ts'
import { sampleOf, samplesIn, withSample } from '#shared/clouds/onprem/metrics/samples.ts'
import { seriesOf } from '#shared/clouds/onprem/metrics/series.ts'
import type { MetricsRecord } from '#shared/clouds/onprem/records.ts'

/**
 * Metrics of VMs, from samples of the hypervisor's counters. A sample is taken by each tick of `sampleHosts`, and whenever somebody asks; they are kept
 * on the VM's host for 25 hours.
 */
export const createMetrics = (site: Site): MetricsFacet => ({
  offered,
  async vm(ref, { from, to, periodS, metrics }) {
    const vm = await requireVm(site, 'metrics.vm', ref)
    const samples = samplesIn(await sample(vm))
    const query = { fromMs: from.getTime(), toMs: to.getTime(), periodMs: periodS * 1000 }
    const told = new Set(offered)
    return metrics.map((metric) => ({
      metric,
      points: told.has(metric) ? seriesOf(metric, samples, query) : [],
    }))
  },
})

/** Takes a sample of every running VM: for a tick each minute. One VM that cannot be asked is no reason to leave out the others. */
export async function sampleHosts(site: Site): Promise<{ sampled: number; failed: number }> {
  const counts = await Promise.all(
    site.hosts.map(async (host) => {
      const vms = await host.records.list('vm').catch(() => [])
      let [sampled, failed] = [0, 0]
      for (const { id, body } of vms) {
        if (body.phase !== 'ready') continue
        try {
          if (await sample({ id, body, host })) sampled += 1
        } catch {
          failed += 1
        }
      }
      return { sampled, failed }
    }),
  )
  return {
    sampled: counts.reduce((sum, count) => sum + count.sampled, 0),
    failed: counts.reduce((sum, count) => sum + count.failed, 0),
  }
}

/** What is known of a VM after a sample of now; of one that does not run, what was known. */
async function sample({ id, body, host }: Found<'vm'>): Promise<MetricsRecord | undefined> {
  const before = await host.records.get('metrics', id)
  const stats = await host.machines.stats(id)
  if (stats === undefined) return before
  const after = withSample(before, sampleOf(stats, body))
  // Two that sample at once may lose one sample of the two, which the next makes up for.
  if (after !== before) await host.records.put('metrics', id, after)
  return after
}

/**
 * What can be told from outside of the guest. How much of its memory a guest uses cannot: the hypervisor sees what it ever touched. User-mode
 * networks count nothing, so network traffic is told of bridges and NAT networks alone.
 */
const offered: readonly VmMetric[] = [
  'cpu_percent',
  'network_in_bytes',
  'network_out_bytes',
  'disk_read_bytes',
  'disk_write_bytes',
  'disk_read_ops',
  'disk_write_ops',
]
