import type { CloudRef } from '#shared/clouds/port.ts'
import type { Found, Site } from '#shared/clouds/onprem/hosts.ts'
import { notFound, refusal } from '#shared/clouds/onprem/refusals.ts'

/** @throws CloudError `not_found`. */
export async function requireVm(
  site: Site,
  operation: string,
  { region, id }: CloudRef,
): Promise<Found<'vm'>> {
  const found = await site.find('vm', id, region)
  if (found) return found
  throw notFound(operation, 'VM', { region, id })
}

/** A VM that something can be done with. @throws CloudError `not_found`, or `conflict` while it is being made or deleted. */
export async function requireReady(site: Site, operation: string, ref: CloudRef): Promise<Found<'vm'>> {
  const found = await requireVm(site, operation, ref)
  if (found.body.phase === 'ready') return found
  throw refusal(
    operation,
    `The VM ${ref.id} is being ${found.body.phase === 'creating' ? 'made' : 'deleted'}.`,
    {
      code: 'conflict',
      kind: 'retryable',
    },
  )
}

/** @throws CloudError `not_found`. */
export async function requireVolume(
  site: Site,
  operation: string,
  { region, id }: CloudRef,
): Promise<Found<'volume'>> {
  const found = await site.find('volume', id, region)
  if (found) return found
  throw notFound(operation, 'volume', { region, id })
}
