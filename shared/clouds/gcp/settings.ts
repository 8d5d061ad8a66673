import { z } from 'zod'
import manifest from '#package.json' with { type: 'json' }
import { CloudError } from '#shared/clouds/errors.ts'
import type { CloudSettings } from '#shared/clouds/port.ts'

/** Services whose address a registration may override, with Google's own. */
export const publicEndpoints = {
  token: 'https://oauth2.googleapis.com',
  compute: 'https://compute.googleapis.com',
  storage: 'https://storage.googleapis.com',
  cloudbuild: 'https://cloudbuild.googleapis.com',
  monitoring: 'https://monitoring.googleapis.com',
  cloudbilling: 'https://cloudbilling.googleapis.com',
  bigquery: 'https://bigquery.googleapis.com',
} as const
export type GcpService = keyof typeof publicEndpoints

const endpoint = z.url({ protocol: /^https?$/ }).optional()
const shape = z.object({
  credentials: z.strictObject({
    project_id: z.string().regex(/^[a-z][a-z0-9:.-]{4,61}[a-z0-9]$/, 'must be the id of a project'),
    client_email: z.email(),
    private_key: z
      .string()
      .includes('PRIVATE KEY', { message: 'must be the PEM of the service account’s key' })
      // As it stands in the JSON file, where a line end is a backslash and an n.
      .transform((pem) => pem.replaceAll(String.raw`\n`, '\n')),
  }),
  endpoints: z.strictObject({
    token: endpoint,
    compute: endpoint,
    storage: endpoint,
    cloudbuild: endpoint,
    monitoring: endpoint,
    cloudbilling: endpoint,
    bigquery: endpoint,
  }),
  options: z.strictObject({
    /** PEM of one more certificate authority to trust, beside the public ones. */
    ca_pem: z.string().includes('BEGIN CERTIFICATE').optional(),
    /** Network and subnet of new VMs, by name or `projects/…` path; unset is the network `default`. */
    network: z.string().min(1).optional(),
    subnet: z.string().min(1).optional(),
    /** Bucket that disks pass through; unset is one of NovaCron's own per region, made at first use. */
    staging_bucket: z
      .string()
      .regex(/^[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]$/)
      .optional(),
    /** Longest silence of a service before a call is given up. */
    request_timeout_ms: z.int().min(50).max(600_000).default(30_000),
    /** How long a thing that was just created may still be missing from lists. */
    consistency_ms: z.int().min(0).max(600_000).default(5_000),
    /** How often the state of something under way is asked for, where the service cannot be waited on. */
    poll_ms: z.int().min(1).max(60_000).default(2_000),
    /** Longest that a call waits out throttling before the queue takes over. */
    throttle_wait_ms: z.int().min(0).max(600_000).default(20_000),
    /** BigQuery table of the detailed billing export, `project.dataset.table`. */
    billing_table: z
      .string()
      .regex(/^[\w:.-]+\.\w+\.\w+$/, 'must be project.dataset.table')
      .optional(),
  }),
})

/** What a registration of type `gcp` must look like, checked and with its defaults. */
export type GcpSettings = z.output<typeof shape> &
  Omit<CloudSettings, 'credentials' | 'endpoints' | 'options'> & { userAgent: string }

/** Checks the vendor-specific part of a registration. @throws CloudError `invalid_request` that names the field, never its value. */
export function parseGcpSettings(settings: CloudSettings): GcpSettings {
  const parsed = shape.safeParse(settings)
  const worker = settings.workerId.replaceAll(/[^\w.:@-]/g, '-')
  if (parsed.success)
    return { ...settings, ...parsed.data, userAgent: `novacron/${manifest.version} (${worker})` }
  const reasons = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`)
  throw new CloudError(
    `Provider ${settings.providerId} is not a valid GCP registration: ${reasons.join('; ')}.`,
    {
      cloud: 'gcp',
      operation: 'open',
      code: 'invalid_request',
      remedy: `Give credentials {project_id, client_email, private_key} of a service account’s JSON key, endpoints {${Object.keys(publicEndpoints).join('?, ')}?} and options {${Object.keys(shape.shape.options.shape).join('?, ')}?}.`,
      details: { fields: parsed.error.issues.map((issue) => issue.path.join('.')) },
    },
  )
}

/** Base address of a service, without a slash at the end. */
export const endpointOf = ({ endpoints }: GcpSettings, service: GcpService): string =>
  (endpoints[service] ?? publicEndpoints[service]).replace(/\/+$/, '')

/** The region to use where none is named. */
export const homeRegion = ({
  defaultRegion,
  regions,
}: Pick<CloudSettings, 'defaultRegion' | 'regions'>): string => defaultRegion ?? regions[0] ?? 'us-central1'
