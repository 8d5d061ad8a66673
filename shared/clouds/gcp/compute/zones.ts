import type { GcpClient } from '#shared/clouds/gcp/client.ts'
import { lastPart } from '#shared/clouds/gcp/names.ts'
import { pickByToken } from '#shared/clouds/spread.ts'

/** The zones of a region, in order. */
export async function zonesOf(gcp: GcpClient, region: string): Promise<string[]> {
  const [found] = await gcp.compute('Regions', 'compute.regions.get', (client, once) =>
    client.get({ project: gcp.project, region }, once),
  )
  return (found.zones ?? []).map(lastPart).toSorted()
}

/** The zone for something that names none: by its token, so that a second call goes to the same, and many spread. */
export async function zoneFor(gcp: GcpClient, region: string, token: string): Promise<string> {
  return pickByToken(await zonesOf(gcp, region), token) ?? `${region}-a`
}
