import { CloudError } from '#shared/clouds/errors.ts'
import type { GcpClient } from '#shared/clouds/gcp/client.ts'
import { alignedSum, type SeriesQuery } from '#shared/clouds/gcp/metrics/series.ts'
import { parseLink } from '#shared/clouds/gcp/names.ts'
import type { CloudRef, MetricSeries, MetricsFacet, VmMetric } from '#shared/clouds/port.ts'

/** VMs by Cloud Monitoring. https://cloud.google.com/monitoring/api/metrics_gcp_c#gcp-compute */
export function createMetrics(gcp: GcpClient): MetricsFacet {
  return {
    offered: [
      'cpu_percent',
      'network_in_bytes',
      'network_out_bytes',
      'disk_read_bytes',
      'disk_write_bytes',
      'disk_read_ops',
      'disk_write_ops',
    ],
    async vm(ref, { from, to, periodS, metrics }) {
      checkPeriod(periodS)
      const instanceId = await numberOf(gcp, ref)
      return Promise.all(
        metrics.map(async (metric): Promise<MetricSeries> => {
          const { type, aligner, scale = 1, also = '' } = sources[metric]
          const filter = `metric.type = "${type}" AND resource.labels.instance_id = "${instanceId}"${also}`
          const values = await alignedSum(gcp, { filter, from, to, periodS, aligner })
          const points = [...values].map(([atMs, value]) => ({ at: new Date(atMs), value: value * scale }))
          return { metric, points: metric.endsWith('percent') ? points.map(atMost100) : points }
        }),
      )
    },
  }
}

/** Series are kept by the instance's number: a name can be used again by another VM. */
async function numberOf(gcp: GcpClient, ref: CloudRef): Promise<string> {
  const { place: zone, name: instance } = parseLink(ref.id, 'instances')
  const [{ id }] = await gcp.compute('Instances', 'compute.instances.get', (client, once) =>
    client.get({ project: gcp.project, zone, instance }, once),
  )
  return String(id)
}

function checkPeriod(periodS: number): void {
  if (Number.isInteger(periodS) && periodS >= 60 && periodS % 60 === 0) return
  throw new CloudError(`The period of ${periodS} s is not a whole number of minutes.`, {
    cloud: 'gcp',
    operation: 'monitoring.projects.timeSeries.list',
    code: 'invalid_request',
    remedy: 'Give periodS as a multiple of 60.',
    details: { field: 'periodS' },
  })
}

interface Source extends Pick<SeriesQuery, 'aligner'> {
  type: string
  scale?: number
  also?: string
}

const rate = (name: string): Source => ({
  type: `compute.googleapis.com/instance/${name}`,
  aligner: 'ALIGN_RATE',
})

const sources: Readonly<Record<VmMetric, Source>> = {
  // A fraction of the allocated CPUs; bursts of shared-core types go above 1.
  cpu_percent: { type: 'compute.googleapis.com/instance/cpu/utilization', aligner: 'ALIGN_MEAN', scale: 100 },
  memory_percent: {
    type: 'agent.googleapis.com/memory/percent_used',
    aligner: 'ALIGN_MEAN',
    also: ' AND metric.labels.state = "used"',
  },
  network_in_bytes: rate('network/received_bytes_count'),
  network_out_bytes: rate('network/sent_bytes_count'),
  disk_read_bytes: rate('disk/read_bytes_count'),
  disk_write_bytes: rate('disk/write_bytes_count'),
  disk_read_ops: rate('disk/read_ops_count'),
  disk_write_ops: rate('disk/write_ops_count'),
}

const atMost100 = <P extends { value: number }>(point: P): P => ({
  ...point,
  value: Math.min(100, point.value),
})
