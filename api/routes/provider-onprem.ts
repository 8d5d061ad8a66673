import type { FieldError } from '#api/http/problem.ts'
import { reasonOf } from '#api/http/wording.ts'
import { checkOnPremOptions, localParts } from '#shared/clouds/onprem/settings.ts'
import { troubleWithUrl, urlRemedy } from '#shared/public-url.ts'

/** The adapter's own rules, told before anything is kept; its settings are plain data, so no hypervisor is asked. */
export function onPremErrors(
  { options, regions }: { options: Record<string, unknown>; regions: readonly string[] },
  { allowLocal, allowPrivate }: { allowLocal: boolean; allowPrivate: boolean },
): FieldError[] {
  const checked = checkOnPremOptions(options)
  if ('issues' in checked)
    return checked.issues.map(({ field, reason }) => ({
      field: pathOf(field),
      reason: reasonOf(reason),
      remedy: 'The README shows an on-premise registration of each driver.',
    }))
  const locations = locationsOf(options)
  const { object_store: store } = checked.options
  const trouble =
    store && 'endpoint' in store ? troubleWithUrl(store.endpoint, allowPrivate || allowLocal) : undefined
  const strange = regions.filter((each) => !locations.includes(each))
  return [
    ...(trouble === undefined
      ? []
      : [{ field: 'config.options.object_store.endpoint', reason: trouble, remedy: urlRemedy }]),
    ...strange.map((each) => ({
      field: 'config.regions',
      reason: `names ${each}, where no host is`,
      remedy: `Use locations of hosts: ${locations.join(', ')}; or leave regions out.`,
    })),
    ...(allowLocal ? [] : localParts(checked)).map((field) => ({
      field: pathOf(field),
      reason: 'reaches into the machine that NovaCron itself runs on',
      remedy: 'Use hosts reached by qemu+ssh://, or let the operator set ALLOW_LOCAL_HYPERVISORS=true.',
    })),
  ]
}

/** `options.hosts.0.uri` as it is written elsewhere: `config.options.hosts[0].uri`. */
const pathOf = (field: string): string => `config.${field.replaceAll(/\.(\d+)(?=\.|$)/g, '[$1]')}`

/** Where the hosts of a registration are: its regions, if it names none. */
export function locationsOf({ hosts }: Record<string, unknown>): string[] {
  const list: unknown[] = Array.isArray(hosts) ? hosts : []
  const locations = list.map((one) => (one as { location?: unknown } | null)?.location)
  return [...new Set(locations.filter((each) => typeof each === 'string'))]
}
