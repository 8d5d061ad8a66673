import type { VmMetric } from '#shared/clouds/port.ts'
import { meanOf } from '#test/clouds/core/metrics.ts'
import { idOf, notFound, type ArmHandler } from '#test/clouds/azure/context.ts'
import { json, Refusal } from '#test/clouds/azure/replies.ts'

/** Metrics of a VM's host. */

const vmType = 'Microsoft.Compute/virtualMachines'

/** Azure's names, with the meter behind each; `invert` shows what is left of 100. */
const known: Readonly<Record<string, { metric: VmMetric; unit: string; perSecond: boolean; invert?: true }>> =
  {
    'Percentage CPU': { metric: 'cpu_percent', unit: 'Percent', perSecond: true },
    'Available Memory Percentage': {
      metric: 'memory_percent',
      unit: 'Percent',
      perSecond: true,
      invert: true,
    },
    'Network In Total': { metric: 'network_in_bytes', unit: 'Bytes', perSecond: false },
    'Network Out Total': { metric: 'network_out_bytes', unit: 'Bytes', perSecond: false },
    'Disk Read Bytes': { metric: 'disk_read_bytes', unit: 'Bytes', perSecond: false },
    'Disk Write Bytes': { metric: 'disk_write_bytes', unit: 'Bytes', perSecond: false },
    'Disk Read Operations/Sec': { metric: 'disk_read_ops', unit: 'CountPerSecond', perSecond: true },
    'Disk Write Operations/Sec': { metric: 'disk_write_ops', unit: 'CountPerSecond', perSecond: true },
  }

const grains: Readonly<Record<string, number>> = {
  PT1M: 60,
  PT5M: 300,
  PT15M: 900,
  PT30M: 1800,
  PT1H: 3600,
  PT6H: 21_600,
  PT12H: 43_200,
  P1D: 86_400,
}

const mostNames = 20
const keptMs = 93 * 86_400_000

export const listMetrics: ArmHandler = (context, request) => {
  const id = idOf(context, request, vmType)
  const vm = context.estate.get('vm', id)
  if (!vm) throw notFound(request, vmType)
  const query = request.query
  for (const name of query.keys()) {
    if (!parameters.has(name)) throw bad(`The query parameter '${name}' is not known.`)
  }
  const { fromMs, toMs } = spanOf(query.get('timespan'), context.clock.now())
  const grain = query.get('interval') ?? 'PT1M'
  const grainS = grains[grain]
  if (grainS === undefined)
    throw bad(`Detected invalid time grain input, supported ones: ${Object.keys(grains).join(', ')}.`)
  const names = (query.get('metricnames') ?? '').split(',').filter((name) => name !== '')
  if (names.length === 0 || names.length > mostNames)
    throw bad(`Between 1 and ${mostNames} metric names are needed.`)
  const wanted = (query.get('aggregation') ?? 'Average').split(',').map((each) => each.trim().toLowerCase())
  const odd = wanted.find((each) => !['average', 'total', 'minimum', 'maximum', 'count'].includes(each))
  if (odd !== undefined) throw bad(`The aggregation '${odd}' is not supported.`)

  const running = vm.life.state() === 'running'
  const firstMs = Math.floor(fromMs / 1000 / grainS) * grainS * 1000
  const starts: number[] = []
  for (let atMs = firstMs; atMs < toMs && atMs <= context.clock.now(); atMs += grainS * 1000)
    starts.push(atMs)
  return json(200, {
    cost: starts.length * names.length,
    timespan: `${new Date(fromMs).toISOString()}/${new Date(toMs).toISOString()}`,
    interval: grain,
    namespace: vmType,
    resourceregion: vm.location,
    value: names.map((name) => {
      const found = known[name]
      if (!found)
        throw bad(
          `Failed to find metric configuration for provider: Microsoft.Compute, resource Type: virtualMachines, metric: ${name}, Valid metrics: ${Object.keys(known).join(',')}`,
        )
      const data = starts.map((atMs) => {
        const timeStamp = new Date(atMs).toISOString()
        const endMs = atMs + grainS * 1000
        // Nothing was measured before the VM was there; such grains come without values.
        if (!running || endMs <= vm.createdAt.getTime()) return { timeStamp }
        const mean = meanOf(vm.vmId, found.metric, atMs, endMs)
        const average = found.perSecond ? (found.invert ? 100 - mean : mean) : mean * 60
        const total = found.perSecond ? average : mean * grainS
        return {
          timeStamp,
          ...(wanted.includes('average') ? { average } : {}),
          ...(wanted.includes('total') ? { total } : {}),
        }
      })
      return {
        id: `${id}/providers/Microsoft.Insights/metrics/${name}`,
        type: 'Microsoft.Insights/metrics',
        name: { value: name, localizedValue: name },
        unit: found.unit,
        timeseries: [{ metadatavalues: [], data }],
        errorCode: 'Success',
      }
    }),
  })
}

const parameters: ReadonlySet<string> = new Set([
  'api-version',
  'timespan',
  'interval',
  'metricnames',
  'aggregation',
  'AutoAdjustTimegrain',
])

function spanOf(timespan: string | null, nowMs: number): { fromMs: number; toMs: number } {
  if (timespan === null) return { fromMs: nowMs - 3_600_000, toMs: nowMs }
  const [fromMs = Number.NaN, toMs = Number.NaN] = timespan.split('/').map((each) => Date.parse(each))
  if (Number.isNaN(fromMs) || Number.isNaN(toMs) || fromMs >= toMs)
    throw bad(`The timespan '${timespan}' is not of the form start/end.`)
  if (fromMs < nowMs - keptMs) throw bad('Metrics are kept for 93 days; the timespan begins before that.')
  return { fromMs, toMs }
}

const bad = (message: string): Refusal => new Refusal(400, 'BadRequest', message)
