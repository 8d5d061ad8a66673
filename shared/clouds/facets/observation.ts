import type { CloudRef, Money } from '#shared/clouds/facets/terms.ts'

/** What is measured of a VM, with its unit. Bytes and operations are averages per second over each period. */
export const vmMetrics = {
  cpu_percent: 'percent of all vCPUs',
  memory_percent: 'percent of memory in use (where an agent in the guest reports it)',
  network_in_bytes: 'bytes per second',
  network_out_bytes: 'bytes per second',
  disk_read_bytes: 'bytes per second',
  disk_write_bytes: 'bytes per second',
  disk_read_ops: 'operations per second',
  disk_write_ops: 'operations per second',
} as const
export type VmMetric = keyof typeof vmMetrics

export interface MetricSeries {
  metric: VmMetric
  /** In order of time; periods without a value are left out. `at` is the period's beginning. */
  points: { at: Date; value: number }[]
}

export interface MetricsFacet {
  /** The metrics that this cloud measures without anything installed in the guest. */
  readonly offered: readonly VmMetric[]
  /** One series for each metric asked for, also if it is empty. `periodS`: a multiple of 60. `to` is exclusive. */
  vm(
    ref: CloudRef,
    query: { from: Date; to: Date; periodS: number; metrics: readonly VmMetric[] },
  ): Promise<MetricSeries[]>
}

export interface Quota {
  /** The vendor's own id. */
  id: string
  name: string
  region: string
  /** What placement looks at; undefined for what only people look at. */
  kind?:
    | 'vcpus'
    | 'spot_vcpus'
    | 'vms'
    | 'volume_gib'
    | 'volumes'
    | 'snapshots'
    | 'addresses'
    | 'networks'
    | 'security_groups'
  /** The family of sizes that it counts, where quotas are per family. */
  family?: string
  limit: number
  /** Undefined where the cloud does not tell. */
  used?: number
  unit: string
}

export interface QuotasFacet {
  list(region: string): Promise<Quota[]>
}

export interface Price {
  region: string
  zone?: string
  kind: 'vm' | 'volume'
  /** Instance type, or volume type. */
  sku: string
  model: 'on_demand' | 'spot'
  /** Per hour for VMs (Linux, shared tenancy), per GiB and month for volumes. */
  price: Money
  unit: 'hour' | 'gib_month'
  asOf: Date
}

export interface PricesFacet {
  /** Public prices as of now, spot ones included. `skus` keeps to some types; left out it is all, which can be thousands. */
  list(query: { region: string; skus?: readonly string[] }): AsyncIterable<Price>
}

/** Control plane calls, as they went. Times in milliseconds, up to 5 % off. */
export interface HealthReport {
  /** `unknown`: too few calls to tell. */
  status: 'healthy' | 'degraded' | 'unhealthy' | 'unknown'
  windowMs: number
  calls: number
  /** Of all calls, those that the cloud failed (its own faults, silence, broken connections): 0 to 1. Refusals for cause do not count. */
  errorRate: number
  throttleRate: number
  p50Ms?: number
  p95Ms?: number
  /** Calls a second that pacing allows at the moment; undefined while it does not hold back. */
  pacedPerSecond?: number
}

export interface HealthFacet {
  /** What this process saw of the control plane within the window. Makes no call. */
  report(): HealthReport
  /** Makes one cheap call first, so that there is something to see. A failing call is part of the report, not an error. */
  probe(): Promise<HealthReport>
}
