import { z } from '@hono/zod-openapi'
import { isFeature, isOperation } from '#api/http/capability.ts'
import { tags } from '#api/http/schemas.ts'
import { features, type Feature, type Operation } from '#shared/clouds/operations.ts'
import { isCustomSize } from '#shared/placement/custom.ts'

const region = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9-]{0,62}$/, 'must be a region name such as us-east-1 or eastus')
const vmName = z
  .string()
  .regex(
    /^[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$/,
    'must be 1 to 63 letters, digits, dots, dashes or underscores, with a letter or digit at either end',
  )
  .openapi({ description: 'A name that every cloud takes.', example: 'production-web-server' })

/** Cloud tags: AWS allows 50 with keys of 128 and values of 256 characters; Azure's limits are wider but for the number. */
const vmTags = z
  .record(
    z
      .string()
      .min(1)
      .max(128)
      .regex(/^(?!novacron-|aws:)/i, 'must not begin with novacron- or aws:'),
    z.string().max(256),
  )
  .refine((all) => Object.keys(all).length <= 40, {
    error: 'must be 40 at most',
    params: { remedy: 'Send fewer tags.' },
  })

export const instanceType = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/, 'must be a size such as medium, t3.medium or Standard_B2s')
  .openapi({
    description:
      'A generic size (`small`, `medium`, `large`, …), the cloud’s own name of one, or, where the cloud has that (on-premise, GCP), `custom-<vcpus>-<MiB>`.',
    example: 'medium',
  })

/** What goes beyond the unified request. Names that are not known are kept and answered with a warning. */
const customOptions = z
  .looseObject({
    tenancy: z.enum(['shared', 'dedicated']).optional(),
    placement_group: z.string().min(1).max(512).optional().openapi({
      description:
        'One that exists: AWS its name, Azure the id of a proximity placement group, GCP the name of a resource policy.',
    }),
    subnet: z
      .string()
      .min(1)
      .max(512)
      .optional()
      .openapi({ description: 'Our id of a subnet or the cloud’s own; then name preferred_provider too.' }),
    detailed_monitoring: z.boolean().optional().openapi({ description: 'Metrics by the minute.' }),
    encryption: z
      .strictObject({ key_id: z.string().min(1).max(512).optional() })
      .optional()
      .openapi({
        description: 'Of all disks; `{}` demands it with the cloud’s key, `key_id` is one of yours.',
      }),
  })
  .refine(
    (options) =>
      Object.keys(options).length <= 50 && Object.keys(options).every((name) => name.length <= 100),
    {
      error: 'must be 50 entries at most, with names of 100 characters at most',
      params: { remedy: 'Send fewer options.' },
    },
  )
  .default({})

const knownOptions = ['tenancy', 'placement_group', 'subnet', 'detailed_monitoring', 'encryption']

/** The demands of the original interface, all of them: what is not honoured yet is answered with a warning. */
export const createVmBody = z
  .strictObject({
    name: vmName,
    instance_type: instanceType.optional(),
    image_id: z.string().min(1).max(512).optional().openapi({
      description:
        'Our id of an image or the cloud’s own; the cloud’s default Linux image if left out. With an id of ours name preferred_provider too.',
    }),
    region: region
      .optional()
      .openapi({ description: 'The provider’s default region if left out.', example: 'us-east-1' }),
    availability_zone: z.string().min(1).max(63).optional(),
    key_pair: z.string().min(1).max(2_048).optional().openapi({
      description:
        'AWS: the name of a key pair. Azure: the name of an SSH public key. GCP: an OpenSSH public key itself.',
    }),
    security_groups: z.array(z.string().min(1).max(512)).max(16).optional().openapi({
      description:
        'Our ids of security groups or the cloud’s own; with ids of ours name preferred_provider too. Azure takes one.',
    }),
    user_data: z.string().max(16_384).optional().openapi({ description: 'Plain text for the first boot.' }),
    tags: vmTags.default({}),
    cpu: z.int().min(1).max(1024).optional().openapi({ description: 'vCPUs.' }),
    memory: z.int().min(128).max(33_554_432).optional().openapi({ description: 'MiB.' }),
    storage: z.int().min(1).max(65_536).optional().openapi({ description: 'GiB of the boot disk.' }),
    network_bandwidth: z.number().min(0).max(1_000_000).optional().openapi({ description: 'Mbit/s.' }),
    preferred_provider: z
      .string()
      .min(1)
      .max(63)
      .optional()
      .openapi({ description: 'A provider’s id, or a cloud type.' }),
    required_capabilities: z
      .array(
        z
          .string()
          .max(100)
          .refine((name) => isFeature(name) || isOperation(name), {
            error: 'is not a capability',
            params: {
              remedy: `Use features (${features.slice(0, 5).join(', ')}, …) or operations (compute.suspend, …); GET /api/multicloud/providers/{id}/capabilities lists them.`,
            },
          }),
      )
      .max(50)
      .default([]),
    cost_optimized: z.boolean().default(false),
    low_latency: z.boolean().default(false),
    high_availability: z.boolean().default(false),
    spot_instance: z.boolean().default(false),
    max_spot_price: z.union([z.number().min(0), z.string().regex(/^\d{1,9}(\.\d{1,9})?$/)]).optional(),
    compliance_requirements: z.array(z.string().max(100)).max(50).default([]),
    data_residency_regions: z.array(region).max(100).default([]),
    custom_options: customOptions,
  })
  .refine(
    (body) => body.instance_type !== undefined || (body.cpu !== undefined && body.memory !== undefined),
    {
      path: ['instance_type'],
      error: 'must be given, or else both cpu and memory',
      params: { remedy: 'Name a size such as "medium", or send cpu and memory.' },
    },
  )
  .openapi('CreateVM', {
    example: {
      name: 'production-web-server',
      instance_type: 'medium',
      region: 'us-east-1',
      cost_optimized: true,
      high_availability: true,
      compliance_requirements: ['SOC2', 'GDPR'],
      data_residency_regions: ['us-east-1', 'us-west-2'],
      tags: { environment: 'production', team: 'web-services' },
    },
  })

export type CreateVmBody = z.output<typeof createVmBody>

/** One line for each demand that is asked for and not honoured yet, starting with its field. */
export function unhonoured(body: CreateVmBody): string[] {
  const asked: [demand: boolean, warning: string][] = [
    [
      body.cost_optimized,
      'cost_optimized is not honoured yet: prices are not compared, the size is taken as it was named.',
    ],
    [body.low_latency, 'low_latency is not honoured yet: no latencies are measured.'],
    [body.high_availability, 'high_availability is not honoured yet: one VM is made in one zone.'],
    [
      body.max_spot_price !== undefined && !body.spot_instance,
      'max_spot_price is not honoured without spot_instance: the VM is made on demand, at the regular price.',
    ],
    [
      body.compliance_requirements.length > 0,
      `compliance_requirements is not honoured yet: nothing is checked against ${shortList(body.compliance_requirements)}.`,
    ],
    [
      body.data_residency_regions.length > 0,
      'data_residency_regions is honoured for where the VM is made; snapshots and copies made later are not watched yet.',
    ],
    [
      body.network_bandwidth !== undefined,
      'network_bandwidth is not honoured yet: the bandwidth is that of the size.',
    ],
    [
      body.instance_type !== undefined && (body.cpu !== undefined || body.memory !== undefined),
      'cpu and memory are not honoured beside instance_type: the size decides.',
    ],
    [
      unknownOptions(body).length > 0,
      `custom_options is not honoured in ${shortList(unknownOptions(body))}: there are ${knownOptions.join(', ')}.`,
    ],
  ]
  return asked.flatMap(([demand, warning]) => (demand ? [warning] : []))
}

const unknownOptions = ({ custom_options: options }: CreateVmBody): string[] =>
  Object.keys(options).filter((name) => !knownOptions.includes(name))

/** What the cloud of the VM must be able to do for the request, beyond making a VM. */
export function demandsOf(body: CreateVmBody): (Operation | Feature)[] {
  const { custom_options: options } = body
  const asked: [demand: boolean, what: Operation][] = [
    [isCustomSize(body.instance_type ?? ''), 'compute.customSize'],
    [body.spot_instance, 'compute.create.spot'],
    [body.spot_instance && body.max_spot_price !== undefined, 'compute.create.spot_price_cap'],
    [options.tenancy === 'dedicated', 'compute.create.dedicated'],
    [options.placement_group !== undefined, 'compute.create.placement_group'],
    [options.detailed_monitoring === true, 'compute.create.detailed_monitoring'],
    [options.encryption?.key_id !== undefined, 'compute.create.customer_key'],
  ]
  const required = body.required_capabilities.filter((name) => isFeature(name) || isOperation(name))
  return [...new Set([...required, ...asked.flatMap(([demand, what]) => (demand ? [what] : []))])]
}

const shortList = (names: string[]): string =>
  names.length > 5 ? `${names.slice(0, 5).join(', ')} and ${names.length - 5} more` : names.join(', ')

export { region as regionSchema, vmName as vmNameSchema, tags as anyTags, vmTags }
