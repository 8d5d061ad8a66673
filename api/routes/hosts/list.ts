import { z } from '@hono/zod-openapi'
import { assertProviderCan, cloudKindOf } from '#api/http/capability.ts'
import { endpoint } from '#api/http/endpoint.ts'
import { time } from '#api/http/schemas.ts'
import { maxAgeField, readingAnswers, readThrough } from '#api/routes/readings/reading.ts'
import { loadProvider } from '#api/routes/load.ts'
import { assertEnabled } from '#api/routes/resources/find.ts'
import { regionSchema } from '#api/routes/vm-input.ts'
import type { CloudHost } from '#shared/clouds/port.ts'

const count = z.number().nullable()
const room = z
  .object({
    total: count.openapi({ description: 'What the machine has; null while it does not answer.' }),
    limit: count.openapi({ description: 'What may be given to VMs, over-commit included.' }),
    used: z.number().openapi({ description: 'What is given to VMs.' }),
  })
  .openapi('HostRoom')

const answer = z
  .object({
    provider_id: z.string(),
    region: z.string(),
    observed_at: time,
    hosts: z.array(
      z.object({
        name: z.string().openapi({ description: 'The `availability_zone` of the VMs on it.' }),
        region: z.string(),
        state: z.enum(['ready', 'maintenance', 'unreachable']),
        message: z.string().nullable(),
        hypervisor: z.string().nullable(),
        acceleration: z
          .object({ kind: z.enum(['kvm', 'tcg']), reason: z.string() })
          .nullable()
          .openapi({ description: 'How its guests run, found by booting one.' }),
        vcpus: room,
        memory_mib: room,
        pools: z.array(z.object({ name: z.string(), total_bytes: z.number(), free_bytes: z.number() })),
        vms: z.number(),
      }),
    ),
  })
  .openapi('Hosts')

/** Hosts of an on-premise provider, as they are now. */
export const listHosts = endpoint({
  method: 'get',
  path: '/providers/{id}/hosts',
  operationId: 'listHosts',
  tag: 'Hosts',
  permission: 'providers:read',
  summary: 'List hosts with their capacity',
  description: 'Of an on-premise provider; clouds keep their hosts to themselves.',
  query: z.strictObject({
    region: regionSchema.optional(),
    max_age: maxAgeField('hosts'),
  }),
  waits: true,
  answers: readingAnswers('The hosts of the location.', answer),
  problems: ['provider_disabled', 'capability_lacking', 'cloud_refused'],
  async handle(call) {
    const { services, principal, query, param } = call
    const provider = await loadProvider(services, principal.tenantId, param('id'))
    assertEnabled(provider)
    assertProviderCan(cloudKindOf(provider), ['hosts.list'])
    const region = query.region ?? provider.config.default_region ?? provider.config.regions[0] ?? ''
    const question = {
      provider,
      facet: 'hosts',
      subject: region,
      query: { region },
      maxAge: query.max_age,
    } as const
    return readThrough<CloudHost[]>(call, question, ({ observedAt, result }) => ({
      provider_id: provider.id,
      region,
      observed_at: observedAt.toISOString(),
      hosts: result.map((host) => ({
        name: host.id,
        region: host.region,
        state: host.state,
        message: host.message ?? null,
        hypervisor: host.hypervisor ?? null,
        acceleration: host.acceleration ?? null,
        vcpus: roomOf(host.vcpus),
        memory_mib: roomOf(host.memoryMib),
        pools: host.pools.map(({ name, totalBytes, freeBytes }) => ({
          name,
          total_bytes: totalBytes,
          free_bytes: freeBytes,
        })),
        vms: host.vms,
      })),
    }))
  },
})

const roomOf = ({ total, limit, used }: CloudHost['vcpus']) => ({
  total: total ?? null,
  limit: limit ?? null,
  used,
})
