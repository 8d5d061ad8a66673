import type { ProviderHealth } from '#db/entities/provider.ts'
import type { Cloud } from '#shared/clouds/port.ts'
import { NovaError } from '#shared/errors.ts'
import { stepsOf, type StepContext } from '#shared/jobs/chain.ts'

export interface CheckInput {
  provider_id: string
}

interface CheckVars {
  health: ProviderHealth
}

const step = stepsOf<CheckInput, CheckVars>()

/** Asks a provider's control plane who we are and what it has, and keeps the answer. A check that fails is a result, not a failed job. */
export const checkProvider = step('check', {
  gives: ['health'],
  effect: 'none',
  async run(context) {
    const registration = await readRegistration(context)
    const health = await examine(context, registration?.regions ?? [])
    // Of an older version of the registration nobody wants to know any more.
    context.alsoWrite({
      text: 'update cloud_providers set health = $4 where tenant_id = $1 and id = $2 and version = $3',
      values: [
        context.tenantId,
        context.input.provider_id,
        registration?.version ?? 0,
        JSON.stringify(health),
      ],
    })
    return { health }
  },
})

async function readRegistration({
  db,
  tenantId,
  input,
}: StepContext<CheckInput>): Promise<{ version: number; regions: string[] } | undefined> {
  const { rows } = await db.query<{ version: number; regions: string[] }>(
    `select version, config -> 'regions' as regions from cloud_providers where tenant_id = $1 and id = $2`,
    [tenantId, input.provider_id],
  )
  return rows[0]
}

async function examine(
  context: StepContext<CheckInput>,
  regions: readonly string[],
): Promise<ProviderHealth> {
  const checkedAt = new Date().toISOString()
  const startedAtMs = performance.now()
  let validated: Pick<ProviderHealth, 'account_id' | 'latency_ms'> = {}
  try {
    const cloud = await context.cloud(context.input.provider_id)
    const askedAtMs = performance.now()
    const { accountId } = await cloud.identity.validate()
    validated = { account_id: accountId, latency_ms: since(askedAtMs) }
    const complaint = (await missingRegions(cloud, regions)) ?? slowness(since(askedAtMs))
    return { status: complaint ? 'degraded' : 'healthy', checked_at: checkedAt, ...validated, ...complaint }
  } catch (error) {
    // Interrupted: nothing was learned about the provider.
    context.signal.throwIfAborted()
    context.log.info({ err: error, provider: context.input.provider_id }, 'the check found a fault')
    const known =
      validated.account_id !== undefined || (error instanceof NovaError && error.kind === 'throttled')
    return {
      status: known ? 'degraded' : 'unhealthy',
      checked_at: checkedAt,
      latency_ms: since(startedAtMs),
      ...validated,
      ...faultOf(error),
    }
  }
}

/** Regions that the provider was registered with and that its account does not have. */
async function missingRegions(cloud: Cloud, wanted: readonly string[]): Promise<Complaint | undefined> {
  const has = new Set((await cloud.identity.regions()).map(({ id }) => id))
  const missing = wanted.filter((region) => !has.has(region))
  if (missing.length === 0) return undefined
  return {
    code: 'region_unavailable',
    message: `The account has no access to ${missing.join(', ')}. Enable the region there, or take it out of config.regions.`,
  }
}

const slowness = (elapsedMs: number): Complaint | undefined =>
  elapsedMs < slowMs
    ? undefined
    : {
        code: 'slow',
        message: `The control plane took ${Math.round(elapsedMs / 1000)} s to answer two calls.`,
      }

/** Clouds' control planes answer such calls well within a second. */
const slowMs = 10_000

type Complaint = Required<Pick<ProviderHealth, 'code' | 'message'>>

/** Only errors of ours speak in their own words; a stranger may quote a secret. */
const faultOf = (error: unknown): Complaint =>
  error instanceof NovaError
    ? { code: error.code, message: error.remedy ? `${error.message} ${error.remedy}` : error.message }
    : { code: 'internal_error', message: "The check failed unexpectedly; see the worker's log." }

const since = (startedAtMs: number): number => Math.round(performance.now() - startedAtMs)
