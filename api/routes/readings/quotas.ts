import { z } from '@hono/zod-openapi'
import { assertProviderCan } from '#api/http/capability.ts'
import { endpoint } from '#api/http/endpoint.ts'
import { maxAgeField, readingAnswers, readThrough } from '#api/routes/readings/reading.ts'
import { providerFor } from '#api/routes/resources/find.ts'
import { regionSchema } from '#api/routes/vm-input.ts'
import { time } from '#api/http/schemas.ts'
import type { Quota } from '#shared/clouds/port.ts'

const text = z.string().nullable()

const answer = z
  .object({
    provider_id: z.string(),
    region: z.string(),
    observed_at: time,
    quotas: z.array(
      z.object({
        id: z.string().openapi({ description: 'The vendor’s own.' }),
        name: z.string(),
        region: z.string(),
        kind: text.openapi({ description: 'What placement looks at; null for the others.' }),
        family: text,
        limit: z.number(),
        used: z.number().nullable().openapi({ description: 'Null where the cloud does not tell.' }),
        unit: z.string(),
      }),
    ),
  })
  .openapi('Quotas')

export const listQuotas = endpoint({
  method: 'get',
  path: '/quotas',
  operationId: 'listQuotas',
  tag: 'Insights',
  permission: 'providers:read',
  summary: 'List quotas with usage',
  query: z.strictObject({
    provider_id: z.string().min(1).max(63),
    region: regionSchema.optional(),
    kind: z.string().min(1).max(50).optional(),
    max_age: maxAgeField('quotas'),
  }),
  waits: true,
  answers: readingAnswers('The account’s quotas in the region.', answer),
  problems: ['provider_disabled', 'capability_lacking', 'cloud_refused'],
  async handle(call) {
    const { services, principal, query } = call
    const { provider, region } = await providerFor(
      services,
      principal.tenantId,
      query.provider_id,
      query.region,
      'query.',
    )
    assertProviderCan(provider, ['quotas.list'])
    const question = {
      provider,
      facet: 'quotas',
      subject: region,
      query: { region },
      maxAge: query.max_age,
    } as const
    return readThrough<Quota[]>(call, question, ({ observedAt, result }) => ({
      provider_id: provider.id,
      region,
      observed_at: observedAt.toISOString(),
      quotas: result
        .filter(({ kind }) => query.kind === undefined || kind === query.kind)
        .map((quota) => ({
          id: quota.id,
          name: quota.name,
          region: quota.region,
          kind: quota.kind ?? null,
          family: quota.family ?? null,
          limit: quota.limit,
          used: quota.used ?? null,
          unit: quota.unit,
        })),
    }))
  },
})
