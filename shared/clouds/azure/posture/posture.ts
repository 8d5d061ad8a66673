import type { AzureClient } from '#shared/clouds/azure/client.ts'
import { accountPosture, addresses, images } from '#shared/clouds/azure/posture/rest.ts'
import { buckets } from '#shared/clouds/azure/posture/buckets.ts'
import { disks, snapshots, vms } from '#shared/clouds/azure/posture/machines.ts'
import { networks, securityGroups } from '#shared/clouds/azure/posture/networks.ts'
import type { ImagesFacet, PostureFacet } from '#shared/clouds/port.ts'

/** What checks look at, kind by kind; each kind is a listing or two of the whole subscription, kept to the region. */
export const createPosture = (client: AzureClient, facets: { images: ImagesFacet }): PostureFacet => ({
  async *inventory({ region }) {
    yield* vms(client, region)
    yield* disks(client, region)
    yield* snapshots(client, region)
    yield* buckets(client, region)
    yield* securityGroups(client, region)
    yield* networks(client, region)
    yield* images(facets.images, region)
    yield* addresses(client, region)
    yield await accountPosture(client, region)
  },
})
