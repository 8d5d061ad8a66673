import { z } from 'zod'
import { CloudError } from '#shared/clouds/errors.ts'
import type { CloudSettings } from '#shared/clouds/port.ts'

/** Names of services in `endpoints`; they are the first labels of the vendor's own host names, but `cloudwatch` for `monitoring`. */
export const awsServices = [
  'ec2',
  'ebs',
  's3',
  'cloudwatch',
  'pricing',
  'ce',
  'servicequotas',
  'sts',
  'kms',
] as const
export type AwsService = (typeof awsServices)[number]

const shape = z.object({
  credentials: z.strictObject({
    access_key_id: z.string().min(16),
    secret_access_key: z.string().min(1),
    session_token: z.string().min(1).optional(),
  }),
  endpoints: z.partialRecord(z.enum(awsServices), z.url()),
  options: z.strictObject({
    /** PEM of one more certificate authority to trust, beside the public ones. */
    ca_pem: z.string().includes('BEGIN CERTIFICATE').optional(),
    /** Where new VMs go; unset is the default VPC. */
    subnet_id: z.string().startsWith('subnet-').optional(),
    /** Longest silence of the service before a call is given up. */
    request_timeout_ms: z.int().min(50).max(600_000).default(30_000),
    /** How long a thing that was just created may still be unknown to the service. */
    consistency_ms: z.int().min(0).max(600_000).default(20_000),
    /** How often the state of something under way is asked for. */
    poll_ms: z.int().min(1).max(60_000).default(1000),
    /** The longest that a call waits out throttling by itself, in the worker's slot. */
    throttle_wait_ms: z.int().min(0).max(600_000).default(15_000),
    /** IAM role that VM Import/Export acts as: VM Import/Export User Guide, "Required service role". */
    vm_import_role: z.string().min(1).max(64).default('vmimport'),
    /**
     * Where the account's FOCUS 1.2 data export arrives (gzip, CSV): billing rows are read from there, by resource, in place of Cost Explorer's
     * sums. `prefix`: up to and with the export's name. `region` is the bucket's; default the home region.
     */
    focus_export: z
      .strictObject({
        bucket: z.string().min(3).max(63),
        prefix: z.string().min(1).max(512),
        region: z.string().optional(),
      })
      .optional(),
  }),
})

/** What a registration of type `aws` must look like; `{region}` in an endpoint stands for the region called. */
export type AwsSettings = z.output<typeof shape> &
  Omit<CloudSettings, 'credentials' | 'endpoints' | 'options'>

/** Checks the vendor-specific part of a registration. Throws CloudError `invalid_request` that names the field, never its value. */
export function parseAwsSettings(settings: CloudSettings): AwsSettings {
  const parsed = shape.safeParse(settings)
  if (parsed.success) return { ...settings, ...parsed.data }
  const reasons = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`)
  throw new CloudError(
    `Provider ${settings.providerId} is not a valid AWS registration: ${reasons.join('; ')}.`,
    {
      cloud: 'aws',
      operation: 'open',
      code: 'invalid_request',
      remedy: `Give credentials {access_key_id, secret_access_key, session_token?}, endpoints {${awsServices.map((name) => `${name}?`).join(', ')}} and options {${Object.keys(
        shape.shape.options.shape,
      )
        .map((name) => `${name}?`)
        .join(', ')}}.`,
      details: { fields: parsed.error.issues.map((issue) => issue.path.join('.')) },
    },
  )
}

/** The region to use where none is named. */
export const homeRegion = ({
  defaultRegion,
  regions,
}: Pick<CloudSettings, 'defaultRegion' | 'regions'>): string => defaultRegion ?? regions[0] ?? 'us-east-1'
