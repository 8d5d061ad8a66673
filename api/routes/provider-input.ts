import { z } from '@hono/zod-openapi'
import { ApiError, invalid, type FieldError } from '#api/http/problem.ts'
import { troubleWithUrl, urlRemedy } from '#shared/public-url.ts'
import { credentialErrors, strayErrors } from '#api/routes/provider-credentials.ts'
import { locationsOf, onPremErrors } from '#api/routes/provider-onprem.ts'
import { supportedClouds } from '#shared/clouds/registry.ts'
import type { Credentials } from '#shared/secrets/credentials.ts'

const id = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/,
    'must be 1 to 63 letters, digits, dots, dashes or underscores, starting with a letter or digit',
  )
  .openapi({ example: 'aws-prod' })
const region = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9-]{0,62}$/, 'must be a region name such as us-east-1 or eastus')

/** Every type that the original interface named; those without an adapter are refused by name. */
const types = ['aws', 'azure', 'gcp', 'on-premise', 'openstack', 'vmware', 'hyperv', 'kvm'] as const

const config = z.strictObject({
  name: z
    .string()
    .trim()
    .min(1)
    .max(255)
    .optional()
    .openapi({ description: 'For people; the id if left out.' }),
  credentials: z.record(z.string().max(100), z.string().max(8192)).optional().openapi({
    description:
      'aws: `access_key_id`, `secret_access_key` (and `session_token`). azure: `tenant_id`, `client_id`, `client_secret`, `subscription_id`. gcp: `project_id`, `client_email`, `private_key` of a service account’s JSON key. on-premise: `volume_key` (32 bytes in base64; encrypts all volumes), `key_<name>`, `ssh_private_key`, `ssh_known_hosts`, all optional. Sealed at once and never shown again.',
  }),
  regions: z
    .array(region)
    .max(100)
    .default([])
    .openapi({ description: 'Regions to use.', example: ['us-east-1'] }),
  default_region: region
    .optional()
    .openapi({ description: 'For requests that name none; the first of `regions` if left out.' }),
  endpoints: z
    .record(z.string().regex(/^[a-z][a-z0-9_-]{0,30}$/), z.string().max(2048))
    .default({})
    .openapi({
      description: 'Other addresses of the cloud’s services, by service.',
      example: { ec2: 'https://ec2.example.com' },
    }),
  options: z.record(z.string().max(100), z.unknown()).default({}).openapi({
    description:
      'Settings of the cloud’s adapter, e.g. `resource_group`, `subnet_id`, `ca_pem`; on-premise: `driver` and `hosts`.',
  }),
})

export const registerBody = z
  .strictObject({
    provider_id: id,
    type: z.enum(types),
    enabled: z.boolean().default(true),
    config,
  })
  .openapi('RegisterProvider')

export const replaceBody = z
  .strictObject({
    provider_id: id.optional(),
    type: z.enum(types).optional(),
    enabled: z.boolean().default(true),
    config,
  })
  .openapi('ReplaceProvider', {
    description:
      'The whole configuration. Credentials that are left out stay as they are; `provider_id` and `type` cannot change.',
  })

/** A provider's configuration once it has been found sound. */
export interface SoundConfig {
  name: string
  regions: string[]
  defaultRegion: string
  endpoints: Record<string, string>
  options: Record<string, unknown>
  /** Undefined: keep those that there are. */
  credentials: Credentials | undefined
}

/**
 * Checks what the schema cannot: per type, and between fields.
 * @throws ApiError naming every field that is wrong.
 */
export function soundConfig(
  providerId: string,
  type: string,
  given: z.output<typeof config>,
  rules: { credentialsRequired: boolean; allowPrivate: boolean; allowLocal: boolean },
): SoundConfig {
  if (!(supportedClouds as string[]).includes(type)) throw unsupported(type)
  const regions =
    type === 'on-premise' && given.regions.length === 0 ? locationsOf(given.options) : given.regions
  const errors = [
    ...(given.credentials || rules.credentialsRequired
      ? credentialErrors(type, given.credentials ?? {})
      : []),
    ...(type === 'on-premise' ? onPremErrors(given, rules) : []),
    ...regionErrors({ ...given, regions }),
    ...endpointErrors(given.endpoints, rules.allowPrivate),
    ...optionErrors(given.options),
    ...strayErrors(given),
  ]
  if (errors.length > 0) throw invalid(errors)
  const defaultRegion = given.default_region ?? regions[0] ?? ''
  return {
    name: given.name ?? providerId,
    regions: regions.length > 0 ? [...new Set(regions)] : [defaultRegion],
    defaultRegion,
    endpoints: given.endpoints,
    options: given.options,
    credentials: given.credentials,
  }
}

function unsupported(type: string): ApiError {
  const remedy =
    type === 'kvm'
      ? 'Register KVM hosts as type on-premise: with driver libvirt if they run libvirt, else with driver qemu.'
      : `Use one of: ${supportedClouds.join(', ')}.`
  return new ApiError('provider_type_unsupported', `Clouds of type "${type}" are not supported yet.`, {
    remedy,
    errors: [{ field: 'type', reason: 'is not supported yet', remedy }],
  })
}

function regionErrors({
  regions,
  default_region: preset,
}: Pick<z.output<typeof config>, 'regions' | 'default_region'>): FieldError[] {
  if (regions.length === 0 && !preset)
    return [
      {
        field: 'config.regions',
        reason: 'is empty',
        remedy: 'Name at least one region, or a default_region.',
      },
    ]
  if (preset && regions.length > 0 && !regions.includes(preset))
    return [
      {
        field: 'config.default_region',
        reason: 'is not among the regions',
        remedy: `Use one of: ${regions.join(', ')}.`,
      },
    ]
  return []
}

function endpointErrors(endpoints: Record<string, string>, allowPrivate: boolean): FieldError[] {
  return Object.entries(endpoints).flatMap(([service, url]) => {
    const reason = troubleWithUrl(url, allowPrivate)
    return reason ? [{ field: `config.endpoints.${service}`, reason, remedy: urlRemedy }] : []
  })
}

/** Options are shown in answers, so what looks like a secret does not belong there. */
function optionErrors(options: Record<string, unknown>): FieldError[] {
  return Object.keys(options)
    .filter((name) => /secret|password|passwd|token|private_?key|credential/i.test(name))
    .map((name) => ({
      field: `config.options.${name.slice(0, 60)}`,
      reason: 'looks like a secret, and options are not sealed',
      remedy: 'Put it into config.credentials.',
    }))
}
