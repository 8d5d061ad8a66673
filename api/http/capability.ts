import type { CloudProvider } from '#db/entities/provider.ts'
import { ApiError } from '#api/http/problem.ts'
import { capabilitiesOf, driverOf, type CloudKind } from '#shared/clouds/capabilities.ts'
import { features, operations, type Feature, type Operation } from '#shared/clouds/operations.ts'

/** Why a cloud cannot do something, as its adapter declares it. */
export interface Lack {
  what: Operation | Feature
  reason: string
  remedy?: string
}

/** What a registered provider's declaration is looked up by. */
export const cloudKindOf = ({ id, type, config }: CloudProvider): CloudKind & { id: string } => ({
  id,
  type,
  driver: driverOf(config.options),
})

/** What of a demand a cloud of this kind lacks. Plain data: no cloud is asked. */
export function lacksOf(cloud: CloudKind, demands: readonly (Operation | Feature)[]): Lack[] {
  const declared = capabilitiesOf(cloud)
  if (!declared)
    return demands.map((what) => ({ what, reason: `Clouds of type "${cloud.type}" have no adapter yet.` }))
  return demands.flatMap((what): Lack[] => {
    const capability = isFeature(what) ? declared.features[what] : declared.operations[what]
    if (!('lacking' in capability)) return []
    const remedy = 'remedy' in capability ? String(capability.remedy) : undefined
    return [{ what, reason: capability.lacking, ...(remedy === undefined ? {} : { remedy }) }]
  })
}

export const isFeature = (name: string): name is Feature => (features as readonly string[]).includes(name)
export const isOperation = (name: string): name is Operation => Object.hasOwn(operations, name)

/** Refuses what a provider's cloud lacks, before anything is made. @throws ApiError `capability_lacking`. */
export function assertProviderCan(
  provider: CloudKind & { id: string },
  demands: readonly (Operation | Feature)[],
): void {
  const lacks = lacksOf(provider, demands)
  if (lacks.length > 0) throw capabilityLacking([{ provider, lacks }])
}

/** The refusal, with what each provider that was considered lacks. */
export const capabilityLacking = (
  considered: readonly { provider: { id: string; type: string }; lacks: readonly Lack[] }[],
): ApiError =>
  new ApiError(
    'capability_lacking',
    considered
      .slice(0, 5)
      .map(
        ({ provider: { id, type }, lacks }) =>
          `${id} (${type}) cannot: ${lacks.map(({ what, reason }) => `${what}. ${reason}`).join(' ')}`,
      )
      .join(' '),
    {
      remedy:
        considered.flatMap(({ lacks }) => lacks).find(({ remedy }) => remedy !== undefined)?.remedy ??
        'Leave it out or use another provider; GET /api/multicloud/providers/{id}/capabilities tells what each can do.',
      details: {
        lacking: considered.flatMap(({ provider, lacks }) =>
          lacks.map((lack) => ({ provider_id: provider.id, ...lack })),
        ),
      },
    },
  )
