import { z } from 'zod'
import { CloudError } from '#shared/clouds/errors.ts'
import type { CloudSettings } from '#shared/clouds/port.ts'

const shape = z.object({
  credentials: z.strictObject({
    access_key_id: z.string().min(16),
    secret_access_key: z.string().min(1),
    session_token: z.string().min(1).optional(),
  }),
  endpoints: z.strictObject({ ec2: z.url().optional(), ebs: z.url().optional() }),
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
      remedy:
        'Give credentials {access_key_id, secret_access_key, session_token?}, endpoints {ec2?, ebs?} and options {ca_pem?, subnet_id?, request_timeout_ms?}.',
      details: { fields: parsed.error.issues.map((issue) => issue.path.join('.')) },
    },
  )
}

/** The region to use where none is named. */
export const homeRegion = ({
  defaultRegion,
  regions,
}: Pick<CloudSettings, 'defaultRegion' | 'regions'>): string => defaultRegion ?? regions[0] ?? 'us-east-1'
