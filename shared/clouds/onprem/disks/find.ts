import type { Found, Site } from '#shared/clouds/onprem/hosts.ts'
import { notFound, refusal } from '#shared/clouds/onprem/refusals.ts'
import type { CloudRef } from '#shared/clouds/port.ts'

/** A snapshot that can be read. @throws CloudError `not_found`, or `conflict` if it is not ready. */
export async function requireSnapshot(
  site: Site,
  operation: string,
  { region, id }: CloudRef,
): Promise<Found<'snapshot'>> {
  const found = await site.find('snapshot', id, region)
  if (found === undefined || found.body.deleted) throw notFound(operation, 'snapshot', { region, id })
  if (found.body.state === 'ready') return found
  throw refusal(operation, `The snapshot ${id} is ${found.body.state}.`, {
    code: 'conflict',
    kind: found.body.state === 'pending' ? 'retryable' : 'permanent',
  })
}

/** A disk of the disk plane that no VM has. @throws CloudError `not_found` or `conflict`. */
export async function requireDisk(
  site: Site,
  operation: string,
  { region, id }: CloudRef,
): Promise<Found<'volume'>> {
  const found = await site.find('volume', id, region)
  if (found === undefined || found.body.written === undefined)
    throw notFound(operation, 'disk', { region, id })
  if (found.body.vm === undefined && found.body.state === 'available') return found
  throw refusal(
    operation,
    `The disk ${id} is ${found.body.vm === undefined ? found.body.state : `a disk of the VM ${found.body.vm}`}.`,
    { code: 'conflict', remedy: 'Snapshot it to read it.' },
  )
}
