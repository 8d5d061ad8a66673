import { z } from '@hono/zod-openapi'
import { links, time } from '#api/http/schemas.ts'
import { linkTo } from '#api/views/links.ts'
import type { HealthReport } from '#shared/clouds/port.ts'
import type { Services } from '#api/services.ts'
import type { CloudProvider } from '#db/entities/provider.ts'

const statuses = ['unknown', 'healthy', 'degraded', 'unhealthy'] as const

export const healthSchema = z
  .object({
    provider_id: z.string(),
    status: z.enum(statuses).openapi({
      description: 'The worse of what the last check found and of how the last ten minutes’ calls went.',
    }),
    checked_at: z.string().nullable(),
    latency_ms: z.number().nullable(),
    account_id: z.string().nullable(),
    code: z.string().nullable(),
    message: z.string().nullable(),
    links,
  })
  .openapi('ProviderHealth')

export const providerSchema = z
  .object({
    id: z.string(),
    provider_id: z.string(),
    name: z.string(),
    type: z.string(),
    enabled: z.boolean(),
    config: z.object({
      name: z.string(),
      regions: z.array(z.string()),
      default_region: z.string().nullable(),
      endpoints: z.record(z.string(), z.string()),
      options: z.record(z.string(), z.unknown()),
      credentials_set: z.array(z.string()).openapi({
        description: 'Names of the credential fields that are kept. Their values are never shown.',
      }),
    }),
    health: healthSchema,
    version: z.int(),
    created_at: time,
    updated_at: time,
    links,
  })
  .openapi('Provider')

export type ProviderFacts = Pick<
  CloudProvider,
  'id' | 'name' | 'type' | 'enabled' | 'config' | 'health' | 'version' | 'createdAt' | 'updatedAt'
>

/** @param seen how the calls of all workers went lately; left out where it does not matter. */
export function providerView(
  services: Pick<Services, 'config'>,
  provider: ProviderFacts,
  seen?: HealthReport['status'],
): z.input<typeof providerSchema> {
  const { config } = provider
  const path = `/providers/${encodeURIComponent(provider.id)}`
  return {
    id: provider.id,
    provider_id: provider.id,
    name: provider.name,
    type: provider.type,
    enabled: provider.enabled,
    config: {
      name: provider.name,
      regions: config.regions,
      default_region: config.default_region ?? null,
      endpoints: config.endpoints,
      options: config.options,
      credentials_set: config.credential_fields ?? [],
    },
    health: healthView(services, provider, seen),
    version: provider.version,
    created_at: provider.createdAt.toISOString(),
    updated_at: provider.updatedAt.toISOString(),
    links: {
      self: linkTo(services, path),
      health: linkTo(services, `${path}/health`),
      vms: linkTo(services, `/vms?provider_id=${encodeURIComponent(provider.id)}`),
    },
  }
}

export function healthView(
  services: Pick<Services, 'config'>,
  { id, health }: Pick<ProviderFacts, 'id' | 'health'>,
  seen: HealthReport['status'] = 'unknown',
): z.input<typeof healthSchema> {
  const path = `/providers/${encodeURIComponent(id)}`
  return {
    provider_id: id,
    status: worse(health?.status ?? 'unknown', seen),
    checked_at: health?.checked_at ?? null,
    latency_ms: health?.latency_ms ?? null,
    account_id: health?.account_id ?? null,
    code: health?.code ?? null,
    message: health?.message ?? null,
    links: {
      self: linkTo(services, `${path}/health`),
      refresh: linkTo(services, `${path}/health?refresh=true`),
      metrics: linkTo(services, `${path}/metrics`),
      provider: linkTo(services, path),
    },
  }
}

const worse = (one: Status, other: Status): Status =>
  statuses.indexOf(one) >= statuses.indexOf(other) ? one : other

type Status = (typeof statuses)[number]
