import { z } from '@hono/zod-openapi'
import { assertProviderCan } from '#api/http/capability.ts'
import { parseDuration } from '#api/http/duration.ts'
import { endpoint } from '#api/http/endpoint.ts'
import { invalid } from '#api/http/problem.ts'
import { links, time } from '#api/http/schemas.ts'
import { maxAgeField, readingAnswers, readThrough } from '#api/routes/readings/reading.ts'
import { providerFor } from '#api/routes/resources/find.ts'
import { madeVm } from '#api/routes/resources/on-vm.ts'
import { findVm, vmQuery } from '#api/routes/vm-find.ts'
import { linkTo } from '#api/views/links.ts'
import { vmMetrics, type VmMetric } from '#shared/clouds/facets/observation.ts'
import type { ReadingInput } from '#shared/resources/readings.ts'

const names = Object.keys(vmMetrics) as [VmMetric, ...VmMetric[]]

const answer = z
  .object({
    vm_id: z.string(),
    from: time,
    to: time,
    period_s: z.int(),
    observed_at: time,
    series: z.array(
      z.object({
        metric: z.enum(names),
        unit: z.string(),
        points: z.array(z.object({ at: time, value: z.number() })),
      }),
    ),
    not_offered: z
      .array(z.enum(names))
      .openapi({ description: 'Of those asked for, what this cloud does not measure by itself.' }),
    links,
  })
  .openapi('VMMetrics')

const query = vmQuery.extend({
  range: z
    .string()
    .max(40)
    .optional()
    .openapi({ description: 'How far back from now; 1h if left out.', example: '6h' }),
  from: z.iso.datetime({ offset: true }).optional(),
  to: z.iso.datetime({ offset: true }).optional().openapi({ description: 'Exclusive.' }),
  period: z.string().max(40).default('5m').openapi({ description: 'Of each point: whole minutes.' }),
  metrics: z
    .string()
    .max(400)
    .optional()
    .openapi({
      description: `Separated by commas; all that the cloud measures if left out. There are ${names.join(', ')}.`,
      example: 'cpu_percent,network_in_bytes',
    }),
  max_age: maxAgeField('metrics'),
})

export const getVmMetrics = endpoint({
  method: 'get',
  path: '/vms/{id}/metrics',
  operationId: 'getVMMetrics',
  tag: 'Insights',
  permission: 'vms:read',
  summary: 'Get a VM’s metrics',
  description: 'Averages over each period; periods without a value are left out.',
  query,
  waits: true,
  answers: readingAnswers('The metrics over the range.', answer),
  problems: ['vm_state', 'provider_disabled', 'capability_lacking', 'cloud_refused'],
  async handle(call) {
    const { services, principal, param } = call
    const { tenantId } = principal
    const span = spanOf(call.query)
    const vm = await findVm(services, tenantId, param('id'), call.query.provider_id)
    const { provider, region } = await providerFor(services, tenantId, vm.providerId, vm.region)
    assertProviderCan(provider, ['metrics.vm'])
    const question = {
      provider,
      facet: 'metrics',
      subject: vm.id,
      query: { vm: { region, id: madeVm(vm) }, ...span },
      maxAge: call.query.max_age,
    } as const
    return readThrough<Kept>(call, question, ({ observedAt, result }) => ({
      vm_id: vm.id,
      ...result,
      observed_at: observedAt.toISOString(),
      series: result.series.map((one) => ({ ...one, unit: vmMetrics[one.metric] })),
      links: { vm: linkTo(services, `/vms/${vm.id}`) },
    }))
  },
})

/** As JSON keeps it; see the worker that reads it. */
interface Kept {
  from: string
  to: string
  period_s: number
  series: { metric: VmMetric; points: { at: string; value: number }[] }[]
  not_offered: VmMetric[]
}

type Span = Pick<ReadingInput['query'], 'from' | 'to' | 'range_s' | 'period_s' | 'metrics'>

/** @throws ApiError naming the parameter that is wrong. */
function spanOf({ range, from, to, period, metrics }: z.output<typeof query>): Span {
  const fault = (field: string, reason: string, remedy: string) =>
    invalid([{ field: `query.${field}`, reason, remedy }])
  const periodS = (parseDuration(period) ?? 0) / 1000
  if (periodS < 60 || periodS > 86_400 || periodS % 60 !== 0)
    throw fault('period', 'is not a number of whole minutes up to a day', 'Write 1m, 5m or 1h.')
  if ((from === undefined) !== (to === undefined))
    throw fault(from === undefined ? 'from' : 'to', 'is missing beside the other one', 'Give both, or range.')
  if (from !== undefined && range !== undefined)
    throw fault('range', 'is given beside from and to', 'Give range, or from and to.')
  if (range !== undefined && parseDuration(range) === undefined)
    throw fault('range', 'is not a duration', 'Write it as 30m, 6h, 7d or PT6H.')
  const rangeS =
    from !== undefined && to !== undefined
      ? (Date.parse(to) - Date.parse(from)) / 1000
      : (parseDuration(range ?? '1h') ?? 0) / 1000
  if (!(rangeS >= periodS) || rangeS / periodS > maxPoints)
    throw fault(
      range === undefined && from !== undefined ? 'from' : 'range',
      `is not between one period and ${maxPoints} of them`,
      'Use a longer period for a longer range; 30d at 1h works.',
    )
  return {
    ...(from !== undefined && to !== undefined
      ? { from: new Date(from).toISOString(), to: new Date(to).toISOString() }
      : { range_s: rangeS }),
    period_s: periodS,
    ...(metrics === undefined ? {} : { metrics: metricsOf(metrics) }),
  }
}

function metricsOf(text: string): VmMetric[] {
  const given = [...new Set(text.split(',').map((one) => one.trim()))].toSorted()
  const known = given.filter((one): one is VmMetric => Object.hasOwn(vmMetrics, one))
  if (known.length === given.length) return known
  throw invalid([
    {
      field: 'query.metrics',
      reason: 'names a metric that there is not',
      remedy: `Use ${names.join(', ')}.`,
    },
  ])
}

/** One answer of the vendors' services holds as many. */
const maxPoints = 1_440
