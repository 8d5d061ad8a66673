import { z } from '@hono/zod-openapi'
import { cloudKindOf } from '#api/http/capability.ts'
import { endpoint } from '#api/http/endpoint.ts'
import { reply } from '#api/http/reply.ts'
import { links } from '#api/http/schemas.ts'
import { loadProvider } from '#api/routes/load.ts'
import { linkTo } from '#api/views/links.ts'
import { capabilitiesOf } from '#shared/clouds/capabilities.ts'
import { features, operations, type Operation } from '#shared/clouds/operations.ts'

const text = z.string().nullable()

const answer = z
  .object({
    provider_id: z.string(),
    provider_type: z.string(),
    operations: z
      .array(
        z.object({
          operation: z.string(),
          title: z.string(),
          supported: z.boolean(),
          calls: z.array(z.string()).openapi({ description: 'The vendor’s own calls behind it.' }),
          note: text.openapi({ description: 'What is different on this cloud, or must be set up first.' }),
          reason: text.openapi({ description: 'Why the cloud cannot.' }),
          remedy: text,
        }),
      )
      .openapi({ description: 'What NovaCron does on this cloud.' }),
    features: z
      .array(z.object({ feature: z.string(), supported: z.boolean(), service: text, reason: text }))
      .openapi({ description: 'Platform services of the cloud, for `required_capabilities`.' }),
    links,
  })
  .openapi('Capabilities')

/** What a provider's cloud does and lacks, as its adapter declares it; no cloud is asked. */
export const providerCapabilities = endpoint({
  method: 'get',
  path: '/providers/{id}/capabilities',
  operationId: 'getProviderCapabilities',
  tag: 'Providers',
  permission: 'providers:read',
  summary: 'Get what a provider can do',
  answers: { 200: { description: 'Every operation and feature.', schema: answer } },
  async handle({ services, principal, param }) {
    const provider = await loadProvider(services, principal.tenantId, param('id'))
    const declared = capabilitiesOf(cloudKindOf(provider))
    return reply(200, {
      provider_id: provider.id,
      provider_type: provider.type,
      operations: (Object.keys(operations) as Operation[]).map((operation) => {
        const capability = declared?.operations[operation] ?? undeclared
        const can = 'calls' in capability
        return {
          operation,
          title: operations[operation],
          supported: can,
          calls: can ? capability.calls : [],
          note: can ? (capability.note ?? null) : null,
          reason: can ? null : capability.lacking,
          remedy: can ? null : (capability.remedy ?? null),
        }
      }),
      features: features.map((feature) => {
        const one = declared?.features[feature] ?? undeclared
        const has = 'service' in one
        return {
          feature,
          supported: has,
          service: has ? one.service : null,
          reason: has ? null : one.lacking,
        }
      }),
      links: { provider: linkTo(services, `/providers/${encodeURIComponent(provider.id)}`) },
    })
  },
})

const undeclared: { lacking: string; remedy?: string } = {
  lacking: 'There is no adapter for this cloud yet.',
}
