import { orMissing, type GcpClient } from '#shared/clouds/gcp/client.ts'
import { toImage, type Image } from '#shared/clouds/gcp/images/mapping.ts'
import { parseLink } from '#shared/clouds/gcp/names.ts'
import { pages } from '#shared/clouds/gcp/paging.ts'
import type { CloudImage, CloudRef } from '#shared/clouds/port.ts'

/** The project's own images as Google describes them, paged to the end. */
export const listRawImages = (gcp: GcpClient): AsyncIterable<Image> =>
  pages(gcp, 'Images', 'compute.images.list', (client, once) =>
    client.listAsync({ project: gcp.project }, once),
  )

export async function readImage(gcp: GcpClient, ref: CloudRef): Promise<CloudImage | undefined> {
  const { project = gcp.project, name } = parseLink(ref.id, 'images')
  const found = await orMissing(
    gcp.compute('Images', 'compute.images.get', (client, once) => client.get({ project, image: name }, once)),
  )
  if (found === undefined || found[0].status === 'DELETING') return undefined
  return toImage(ref.region, found[0], await isPublic(gcp, found[0]))
}

/** May everybody use it? Only its policy says. One that is being deleted has none any more. */
export async function isPublic(gcp: GcpClient, { name }: Image): Promise<boolean> {
  const address = { project: gcp.project, resource: name ?? '' }
  const policy = await orMissing(
    gcp.compute('Images', 'compute.images.getIamPolicy', (client, once) =>
      client.getIamPolicy(address, once),
    ),
  )
  return (policy?.[0].bindings ?? []).some(({ members }) => members?.some((member) => anybody.has(member)))
}

const anybody = new Set(['allUsers', 'allAuthenticatedUsers'])
