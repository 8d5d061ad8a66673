import type { VmMetric } from '#shared/clouds/port.ts'

export interface MetricType {
  metric: VmMetric
  kind: 'GAUGE' | 'DELTA'
  unit: string
  /** From the meter's unit to the vendor's. */
  scale: number
  /** Only an agent in the guest reports it; no guest here has one. */
  needsAgent: boolean
}

const counted = (metric: VmMetric, unit: string): MetricType => ({
  metric,
  kind: 'DELTA',
  unit,
  scale: 1,
  needsAgent: false,
})

/** https://cloud.google.com/monitoring/api/metrics_gcp_c and …/metrics_opsagent */
export const metricTypes: Readonly<Record<string, MetricType>> = {
  'compute.googleapis.com/instance/cpu/utilization': {
    metric: 'cpu_percent',
    kind: 'GAUGE',
    unit: '10^2.%',
    scale: 0.01,
    needsAgent: false,
  },
  'agent.googleapis.com/memory/percent_used': {
    metric: 'memory_percent',
    kind: 'GAUGE',
    unit: '%',
    scale: 1,
    needsAgent: true,
  },
  'compute.googleapis.com/instance/network/received_bytes_count': counted('network_in_bytes', 'By'),
  'compute.googleapis.com/instance/network/sent_bytes_count': counted('network_out_bytes', 'By'),
  'compute.googleapis.com/instance/disk/read_bytes_count': counted('disk_read_bytes', 'By'),
  'compute.googleapis.com/instance/disk/write_bytes_count': counted('disk_write_bytes', 'By'),
  'compute.googleapis.com/instance/disk/read_ops_count': counted('disk_read_ops', '1'),
  'compute.googleapis.com/instance/disk/write_ops_count': counted('disk_write_ops', '1'),
}
