import { z } from '@hono/zod-openapi'
import { assertProviderCan } from '#api/http/capability.ts'
import { endpoint } from '#api/http/endpoint.ts'
import { pageMembers, pageOf, pageQuery, readTextCursor, writeTextCursor } from '#api/http/pages.ts'
import { invalid } from '#api/http/problem.ts'
import { time } from '#api/http/schemas.ts'
import { maxAgeField, readingAnswers, readThrough } from '#api/routes/readings/reading.ts'
import { providerFor } from '#api/routes/resources/find.ts'
import { instanceType, regionSchema } from '#api/routes/vm-input.ts'
import type { Price } from '#shared/clouds/port.ts'

const answer = z
  .object({
    provider_id: z.string(),
    region: z.string(),
    observed_at: time,
    prices: z.array(
      z.object({
        sku: z.string().openapi({ description: 'Instance type or volume type.' }),
        kind: z.enum(['vm', 'volume']),
        model: z.enum(['on_demand', 'spot']),
        region: z.string(),
        zone: z.string().nullable(),
        price: z.object({ amount: z.string(), currency: z.string() }),
        unit: z.enum(['hour', 'gib_month']),
        as_of: time,
      }),
    ),
    ...pageMembers,
  })
  .openapi('Prices')

export const listPrices = endpoint({
  method: 'get',
  path: '/prices',
  operationId: 'listPrices',
  tag: 'Insights',
  permission: 'providers:read',
  summary: 'List prices',
  description:
    'Public prices, on demand and spot: per hour for VMs (Linux, shared tenancy), per GiB and month for volumes.',
  query: z.strictObject({
    ...pageQuery,
    provider_id: z.string().min(1).max(63),
    region: regionSchema.optional(),
    types: z.string().max(2_000).optional().openapi({
      description: 'The cloud’s own types, separated by commas; all if left out.',
      example: 't3.medium,m7i.large',
    }),
    kind: z.enum(['vm', 'volume']).optional(),
    model: z.enum(['on_demand', 'spot']).optional(),
    max_age: maxAgeField('prices'),
  }),
  waits: true,
  answers: readingAnswers('One page, ordered by type.', answer),
  problems: ['provider_disabled', 'capability_lacking', 'cloud_refused'],
  async handle(call) {
    const { services, principal, query } = call
    const skus = query.types === undefined ? undefined : typesOf(query.types)
    const after = query.cursor === undefined ? '' : readTextCursor(query.cursor)
    const { provider, region } = await providerFor(
      services,
      principal.tenantId,
      query.provider_id,
      query.region,
      'query.',
    )
    assertProviderCan(provider, ['prices.list'])
    const question = {
      provider,
      facet: 'prices',
      subject: region,
      query: { region, ...(skus ? { skus } : {}) },
      maxAge: query.max_age,
    } as const
    return readThrough<Kept[]>(call, question, ({ observedAt, result }) => {
      const wanted = result
        .filter(
          ({ kind, model }) =>
            (query.kind === undefined || kind === query.kind) &&
            (query.model === undefined || model === query.model),
        )
        .map((price) => ({ price, place: placeOf(price) }))
        .filter(({ place }) => place > after)
        .toSorted((a, b) => (a.place < b.place ? -1 : 1))
      const { page, next } = pageOf(wanted, query.limit, ({ place }) => writeTextCursor(place))
      return {
        provider_id: provider.id,
        region,
        observed_at: observedAt.toISOString(),
        prices: page.map(({ price: { asOf, zone, ...price } }) => ({
          sku: price.sku,
          kind: price.kind,
          model: price.model,
          region: price.region,
          zone: zone ?? null,
          price: price.price,
          unit: price.unit,
          as_of: asOf,
        })),
        next_cursor: next,
      }
    })
  },
})

/** As JSON keeps it. */
type Kept = Omit<Price, 'asOf'> & { asOf: string }

const placeOf = ({ sku, kind, model, zone = '' }: Kept): string => [sku, kind, model, zone].join(' ')

/** In one order, so that the same question is the same however it is written. */
function typesOf(text: string): string[] {
  const types = [...new Set(text.split(',').map((one) => one.trim()))].toSorted()
  const bad = types.find((one) => !instanceType.safeParse(one).success)
  if (bad === undefined && types.length <= 100) return types
  throw invalid([
    {
      field: 'query.types',
      reason: types.length > 100 ? 'names more than 100 types' : 'names something that is no type',
      remedy: 'Write the cloud’s own names, separated by commas: t3.medium,m7i.large.',
    },
  ])
}
