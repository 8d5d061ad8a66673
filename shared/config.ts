import { z } from 'zod'

/** What one environment variable means; the README's reference table is printed from these. */
const settings = z.object({
  DATABASE_URL: z.url().optional().describe('PostgreSQL to use. Unset: an embedded PostgreSQL is started.'),
  REDIS_URL: z
    .url()
    .optional()
    .describe('Redis or Valkey to use. Unset: one found on PATH is started, else queues live in PostgreSQL.'),
  QUEUE_BACKEND: z
    .enum(['auto', 'redis', 'postgres'])
    .default('auto')
    .describe('Which rung of the queue ladder to use; `auto` takes the first that is there.'),
  QUEUE_PREFIX: z.string().default('novacron').describe('Key prefix (Redis) of every queue.'),
  STATE_DIR: z
    .string()
    .default('.novacron')
    .describe('Folder for the embedded services, generated development keys and loopback disks.'),
  HOST: z.string().default('127.0.0.1').describe('Address the API listens on.'),
  PORT: z.coerce.number().int().min(0).max(65_535).default(8080).describe('Port the API listens on.'),
  PUBLIC_URL: z.url().optional().describe('How users reach the API; links in answers start with it.'),
  POOLS: z
    .string()
    .default('provisioning,migration,webhooks,upkeep')
    .transform((list) =>
      list
        .split(',')
        .map((pool) => pool.trim())
        .filter(Boolean),
    )
    .describe('Comma-separated pools this worker process serves.'),
  CONCURRENCY: z.coerce
    .number()
    .int()
    .min(1)
    .max(1000)
    .default(20)
    .describe('Steps one pool runs at once in one process.'),
  LEASE_MS: z.coerce
    .number()
    .int()
    .min(500)
    .default(15_000)
    .describe('How long a worker holds a step without renewing, in milliseconds.'),
  SHUTDOWN_GRACE_MS: z.coerce
    .number()
    .int()
    .min(0)
    .default(10_000)
    .describe('How long a stopping worker lets its steps finish, in milliseconds.'),
  JWT_SECRET: z
    .string()
    .min(32)
    .optional()
    .describe('HS256 key for bearer tokens. Unset: one is generated under STATE_DIR.'),
  JWT_JWKS_URL: z
    .url()
    .optional()
    .describe('Key set of an identity provider (RS256, ES256, EdDSA); replaces JWT_SECRET.'),
  JWT_ISSUER: z.string().default('novacron').describe('Required `iss` of bearer tokens.'),
  JWT_AUDIENCE: z.string().default('novacron').describe('Required `aud` of bearer tokens.'),
  SECRETS_KEY: z
    .string()
    .regex(/^[A-Za-z0-9+/]{43}=$/, 'must be 32 bytes in base64')
    .optional()
    .describe(
      'Key that seals credentials at rest, 32 bytes in base64. Unset: one is generated under STATE_DIR.',
    ),
  SECRETS_KEYS_RETIRED: z
    .string()
    .regex(
      /^[A-Za-z0-9+/]{43}=(,[A-Za-z0-9+/]{43}=)*$/,
      'must be 32 bytes in base64 each, separated by commas',
    )
    .optional()
    .describe(
      'Other values of SECRETS_KEY, former or coming, comma-separated: they open what they sealed, and seal nothing.',
    ),
  RATE_LIMIT_PER_CALLER: z.coerce
    .number()
    .int()
    .min(0)
    .max(1_000_000_000)
    .default(12_000)
    .describe(
      'API requests that one caller (tenant and `sub` of the token) may make per minute; 0: any number.',
    ),
  RATE_LIMIT_PER_TENANT: z.coerce
    .number()
    .int()
    .min(0)
    .max(1_000_000_000)
    .default(30_000)
    .describe('API requests that all callers of a tenant together may make per minute; 0: any number.'),
  ALLOW_PRIVATE_NETWORKS: z
    .stringbool()
    .default(false)
    .describe(
      'Let cloud endpoints and webhooks point at loopback and private addresses, over http too (development).',
    ),
  ALLOW_LOCAL_HYPERVISORS: z
    .stringbool()
    .default(false)
    .describe(
      'Let on-premise providers use hypervisors and folders of the machine that the workers run on, not only hosts reached by ssh.',
    ),
  LOG_LEVEL: z
    .enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'])
    .default('info')
    .describe('Least severe log line that is written.'),
})

export type Config = z.infer<typeof settings>

/**
 * Reads the configuration from environment variables.
 * @throws Error naming every variable that is wrong, the reason and what is expected.
 */
export function readConfig(env: Record<string, string | undefined> = process.env): Config {
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ''))
  const result = settings.safeParse(given)
  if (result.success) return result.data
  const lines = result.error.issues.map((issue) => `  ${issue.path.join('.')}: ${issue.message}`)
  throw new Error(`The configuration is not usable:\n${lines.join('\n')}\nSee "Configuration" in README.md.`)
}

/** The settings as rows for the README: name, default, meaning. */
export function describeConfig(): { name: string; fallback: string; meaning: string }[] {
  const defaults = settings.safeParse({})
  const values = new Map<string, unknown>(Object.entries(defaults.data ?? {}))
  return Object.entries(settings.shape).map(([name, schema]) => ({
    name,
    fallback: values.has(name) ? [values.get(name)].flat().join(',') : '',
    meaning: schema.description ?? '',
  }))
}
