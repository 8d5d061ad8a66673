import { z } from 'zod'
import type { VmMetric } from '#shared/clouds/port.ts'
import { meanOf } from '#test/clouds/core/metrics.ts'
import { operation, pageOf, type JsonScene, type JsonService } from '#test/clouds/aws/json/service.ts'
import { vcpusInUse } from '#test/clouds/aws/json/usage.ts'
import { Refusal } from '#test/clouds/aws/refusal.ts'
import type { Instance } from '#test/clouds/aws/world.ts'

const statistics = z.enum(['Average', 'Sum', 'Maximum', 'Minimum', 'SampleCount'])

const query = z.strictObject({
  Id: z.string().regex(/^[a-z]\w*$/),
  MetricStat: z.strictObject({
    Metric: z.strictObject({
      Namespace: z.string(),
      MetricName: z.string(),
      Dimensions: z.array(z.strictObject({ Name: z.string(), Value: z.string() })).max(30),
    }),
    Period: z.int().multipleOf(60),
    Stat: statistics,
    Unit: z.string().optional(),
  }),
  Label: z.string().optional(),
  ReturnData: z.boolean().optional(),
})
type Query = z.output<typeof query>

/** CloudWatch: what EC2 measures of its instances, and the usage that quotas are compared with. */
export const cloudWatch: JsonService = {
  name: 'monitoring',
  target: 'GraniteServiceVersion20100801',
  version: '1.0',
  invalid: 'InvalidParameterValueException',
  operations: {
    GetMetricData: operation(
      z.strictObject({
        MetricDataQueries: z.array(query).min(1).max(500),
        StartTime: z.number(),
        EndTime: z.number(),
        NextToken: z.string().optional(),
        ScanBy: z.enum(['TimestampAscending', 'TimestampDescending']).optional(),
        MaxDatapoints: z.int().min(1).max(100_800).optional(),
      }),
      (input, scene) => {
        const { NextToken: token, MaxDatapoints: limit = 100_800, ScanBy, ...listing } = input
        const [fromMs, toMs] = [input.StartTime * 1000, input.EndTime * 1000]
        if (toMs <= fromMs)
          throw new Refusal(
            'InvalidParameterValueException',
            'The parameter StartTime must be less than the parameter EndTime',
          )
        const ids = input.MetricDataQueries.map(({ Id }) => Id)
        if (new Set(ids).size < ids.length)
          throw new Refusal('InvalidParameterValueException', 'The values for parameter id must be unique')
        const points = input.MetricDataQueries.flatMap((each) => {
          const found = pointsOf(each, scene, fromMs, toMs).map((point) => ({ id: each.Id, ...point }))
          return ScanBy === 'TimestampAscending' ? found : found.toReversed()
        })
        const { page, next } = pageOf(scene.world, points, {
          listing,
          limit,
          token,
          invalid: 'InvalidNextToken',
        })
        return {
          MetricDataResults: input.MetricDataQueries.map(({ Id, Label, MetricStat }) => {
            const mine = page.filter(({ id }) => id === Id)
            return {
              Id,
              Label: Label ?? MetricStat.Metric.MetricName,
              Timestamps: mine.map(({ atMs }) => atMs / 1000),
              Values: mine.map(({ value }) => value),
              StatusCode: next === undefined ? 'Complete' : 'PartialData',
            }
          }),
          NextToken: next,
          Messages: [],
        }
      },
    ),
  },
}

interface Point {
  atMs: number
  value: number
}

function pointsOf({ MetricStat }: Query, scene: JsonScene, fromMs: number, toMs: number): Point[] {
  const { Metric, Period } = MetricStat
  const periodMs = Period * 1000
  // What is older is kept in coarser periods alone: 15 days by the minute, 63 by five, 455 by the hour.
  const nowMs = scene.world.clock.now()
  const ageDays = (nowMs - fromMs) / 86_400_000
  if (Period % (ageDays > 63 ? 3600 : ageDays > 15 ? 300 : 60) !== 0 || ageDays > 455) return []
  const dimensions = Object.fromEntries(Metric.Dimensions.map(({ Name, Value }) => [Name, Value]))
  const starts: number[] = []
  for (let atMs = Math.floor(fromMs / periodMs) * periodMs; atMs < toMs; atMs += periodMs) starts.push(atMs)
  if (Metric.Namespace === 'AWS/Usage') {
    const used = vcpusInUse(scene, dimensions)
    return used === undefined
      ? []
      : starts.filter((atMs) => atMs <= nowMs).map((atMs) => ({ atMs, value: used }))
  }
  const instance = scene.region.instances.get(dimensions['InstanceId'] ?? '')
  const metric = Metric.Namespace === 'AWS/EC2' ? vmMetrics[Metric.MetricName] : undefined
  if (!instance || metric === undefined || Object.keys(dimensions).length !== 1) return []
  return starts.flatMap((atMs) => valueOf(instance, metric, MetricStat, { atMs, nowMs }) ?? [])
}

/** "List the available CloudWatch metrics for your instances". */
const vmMetrics: Readonly<Record<string, VmMetric>> = {
  CPUUtilization: 'cpu_percent',
  NetworkIn: 'network_in_bytes',
  NetworkOut: 'network_out_bytes',
  EBSReadBytes: 'disk_read_bytes',
  EBSWriteBytes: 'disk_write_bytes',
  EBSReadOps: 'disk_read_ops',
  EBSWriteOps: 'disk_write_ops',
}

/** Without detailed monitoring a value comes every five minutes and stands for all of them. */
function valueOf(
  instance: Instance,
  metric: VmMetric,
  { Period, Stat }: Query['MetricStat'],
  { atMs, nowMs }: { atMs: number; nowMs: number },
): Point | undefined {
  const stepMs = instance.detailedMonitoring ? 60_000 : 300_000
  const beginMs = Math.floor(instance.launchedAt.getTime() / stepMs) * stepMs
  const isOn = ['pending', 'running', 'stopping'].includes(instance.life.state())
  const endMs = isOn ? nowMs : instance.life.sinceMs()
  const first = Math.ceil(atMs / stepMs) * stepMs
  const steps: number[] = []
  for (let at = Math.max(first, beginMs); at < atMs + Period * 1000 && at <= endMs; at += stepMs)
    steps.push(at)
  if (steps.length === 0) return undefined
  const means = steps.map((at) => meanOf(instance.id, metric, at, at + stepMs))
  const perSecond = means.reduce((sum, mean) => sum + mean, 0) / means.length
  if (Stat === 'SampleCount') return { atMs, value: steps.length }
  if (Stat === 'Sum' && metric !== 'cpu_percent')
    return { atMs, value: (perSecond * steps.length * stepMs) / 1000 }
  return { atMs, value: metric === 'cpu_percent' ? perSecond : (perSecond * stepMs) / 1000 }
}
