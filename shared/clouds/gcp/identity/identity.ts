import type { IdentityFacet } from '#shared/clouds/port.ts'
import type { GcpClient } from '#shared/clouds/gcp/client.ts'
import { lastPart } from '#shared/clouds/gcp/names.ts'

/** The project and its places. */
export function createIdentity(gcp: GcpClient): IdentityFacet {
  const { project } = gcp
  return {
    async validate() {
      const [found] = await gcp.compute('Projects', 'compute.projects.get', (client, once) =>
        client.get({ project }, once),
      )
      return { accountId: found.name ?? project, principal: gcp.settings.credentials.client_email }
    },

    /** A region names its own zones; those that are down for the moment still are its zones. */
    async regions() {
      const regions: { id: string; name: string; zones: string[] }[] = []
      let pageToken: string | undefined
      do {
        const query = { project, maxResults: 500, ...(pageToken === undefined ? {} : { pageToken }) }
        const [page, , reply] = await gcp.compute('Regions', 'compute.regions.list', (client, once) =>
          client.list(query, { ...once, autoPaginate: false }),
        )
        for (const { name, description, zones, status } of page) {
          if (!name || status !== 'UP') continue
          regions.push({ id: name, name: description || name, zones: (zones ?? []).map(lastPart).toSorted() })
        }
        pageToken = reply?.nextPageToken || undefined
      } while (pageToken !== undefined)
      return regions
    },
  }
}
