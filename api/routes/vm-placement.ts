import { capabilityLacking, lacksOf, type Lack } from '#api/http/capability.ts'
import type { ProviderEntry } from '#api/provider-directory.ts'
import { ApiError, invalid } from '#api/http/problem.ts'
import { guess } from '#api/http/wording.ts'
import type { Feature, Operation } from '#shared/clouds/operations.ts'

/** What decides where a VM is made. */
export interface PlacementWish {
  region?: string | undefined
  preferred_provider?: string | undefined
  image_id?: string | undefined
  data_residency_regions: readonly string[]
  /** What the cloud must be able to do. */
  demands?: readonly (Operation | Feature)[]
}

export interface Placement {
  provider: ProviderEntry
  region: string
  /** Why this one, as a sentence for the reader of the answer. */
  note: string
}

/**
 * Chooses the provider of a new VM. The rule: a preferred provider wins; else the candidates are the enabled providers that have the
 * region, those whose last check was not `unhealthy` before the others, and of these the one that was registered first. Pure.
 * @param providers in the order in which they were registered.
 * @throws ApiError `capability_lacking` if providers are out only for what their clouds lack, `no_provider` saying why each provider is out, or
 *   `validation_failed` for a contradiction in the wish.
 */
export function choosePlacement(providers: readonly ProviderEntry[], wish: PlacementWish): Placement {
  assertResidency(wish)
  const pool = preferred(providers, wish.preferred_provider)
  const options = pool.map((provider) => consider(provider, wish))
  const fitting = options.flatMap((option) => ('region' in option ? [option] : []))
  const chosen = fitting.find(({ provider }) => provider.health !== 'unhealthy') ?? fitting[0]
  if (!chosen) throw noProvider(providers, options, wish)
  return { ...chosen, note: noteOf(chosen.provider, chosen.region, fitting.length, wish) }
}

type Option =
  | { provider: ProviderEntry; region: string }
  | { provider: ProviderEntry; reason: string; lacks?: Lack[]; isImageMissing?: true }

function consider(provider: ProviderEntry, wish: PlacementWish): Option {
  if (!provider.enabled) return { provider, reason: 'is disabled' }
  const region = wish.region ?? provider.defaultRegion ?? provider.regions[0]
  if (region === undefined || !provider.regions.includes(region))
    return { provider, reason: `has no region ${region ?? 'at all'} (it has ${provider.regions.join(', ')})` }
  if (!allowed(region, wish))
    return { provider, reason: `would use ${region}, outside of data_residency_regions` }
  if (wish.image_id === undefined && !provider.hasDefaultImage)
    return { provider, reason: 'has no default image, and image_id names none', isImageMissing: true }
  const lacks = lacksOf(provider, wish.demands ?? [])
  if (lacks.length > 0)
    return {
      provider,
      lacks,
      reason: `cannot: ${lacks.map(({ what, reason }) => `${what} (${reason})`).join(', ')}`,
    }
  return { provider, region }
}

const allowed = (region: string, { data_residency_regions: residency }: PlacementWish): boolean =>
  residency.length === 0 || residency.includes(region)

function assertResidency(wish: PlacementWish): void {
  if (wish.region === undefined || allowed(wish.region, wish)) return
  throw invalid([
    {
      field: 'region',
      reason: 'is not among data_residency_regions',
      remedy: `Use one of ${wish.data_residency_regions.join(', ')}, or widen data_residency_regions.`,
    },
  ])
}

/** By id, else by cloud type. */
function preferred(providers: readonly ProviderEntry[], name: string | undefined): readonly ProviderEntry[] {
  if (name === undefined) return providers
  const named = providers.filter(({ id }) => id === name)
  const meant = named.length > 0 ? named : providers.filter(({ type }) => type === name)
  if (meant.length > 0) return meant
  throw invalid([
    {
      field: 'preferred_provider',
      reason: 'is neither a registered provider nor the type of one',
      remedy:
        providers.length > 0
          ? `${guess(
              name,
              providers.map(({ id }) => id),
            )}Use one of: ${idsOf(providers)}.`
          : 'Register a provider first.',
    },
  ])
}

function noProvider(providers: readonly ProviderEntry[], options: Option[], wish: PlacementWish): ApiError {
  if (providers.length === 0)
    return new ApiError('no_provider', 'No provider is registered yet.', {
      remedy: 'Register one with POST /api/multicloud/providers.',
    })
  const reasons = options.flatMap((option) =>
    'reason' in option ? [`${option.provider.id} ${option.reason}`] : [],
  )
  const lacking = options.flatMap((option) =>
    'lacks' in option && option.lacks ? [{ provider: option.provider, lacks: option.lacks }] : [],
  )
  if (lacking.length > 0) return capabilityLacking(lacking)
  if (options.every((option) => 'isImageMissing' in option))
    throw invalid([
      {
        field: 'image_id',
        reason: `is missing, and ${options.map(({ provider }) => provider.id).join(', ')} has no default image`,
        remedy:
          'Name an image: GET /api/multicloud/images lists them, POST /api/multicloud/images/import makes one. Or set options.default_image of the provider.',
      },
    ])
  const where = wish.region ? ` in ${wish.region}` : ''
  const regions = [...new Set(options.flatMap(({ provider }) => provider.regions))]
  const unknown = wish.region !== undefined && !regions.includes(wish.region)
  const remedy = unknown
    ? `${guess(wish.region ?? '', regions)}Name a region that a provider has, or add the region to a provider.`
    : 'Name a region that a provider has, add the region to a provider, or enable the provider.'
  return new ApiError(
    'no_provider',
    `No provider can take the VM${where}: ${reasons.slice(0, 10).join('; ')}.`,
    {
      remedy,
      ...(unknown
        ? { errors: [{ field: 'region', reason: 'is a region of none of the providers', remedy }] }
        : {}),
    },
  )
}

function noteOf(provider: ProviderEntry, region: string, candidates: number, wish: PlacementWish): string {
  const place = `${provider.id} (${provider.type}), region ${region}`
  if (wish.preferred_provider !== undefined) return `Placed on ${place}: the preferred provider.`
  const others =
    candidates > 1 ? `the first registered of ${candidates} healthy-first candidates` : 'the only candidate'
  return `Placed on ${place}: ${others} among the enabled providers with this region.`
}

const idsOf = (providers: readonly ProviderEntry[]): string =>
  providers
    .slice(0, 20)
    .map(({ id }) => id)
    .join(', ')
