import type { GalleryImageVersionStorageProfile } from '@azure/arm-compute'
import type { AzureClient } from '#shared/clouds/azure/client.ts'
import { withGroup } from '#shared/clouds/azure/group.ts'
import { onlyVersion } from '#shared/clouds/azure/images/targets.ts'
import { generationOf } from '#shared/clouds/azure/mapping.ts'
import { nameFor } from '#shared/clouds/azure/names.ts'
import { withName } from '#shared/clouds/azure/tags.ts'
import type { Architecture, CloudRef, Firmware, Intent } from '#shared/clouds/port.ts'

/** An image to be made: what a system as it is needs to start again. */
export interface NewImage extends Intent {
  region: string
  name: string
  architecture: Architecture
  firmware: Firmware
  /** Azure's security type of the VM it is made of: an image of another type would be refused. */
  securityType?: string
}

/**
 * Starts an image in the region's gallery; called again with the same token, the same. It is a specialised one, which starts as the system
 * that it was. (A managed image would have to be generalised first, inside the guest and for good, and knows no Arm.)
 */
export async function startImage(
  client: AzureClient,
  image: NewImage,
  source: () => GalleryImageVersionStorageProfile,
): Promise<CloudRef> {
  const { subscriptionId, resourceGroup: group } = client.settings
  const { galleryImages, galleryImageVersions } = client.compute
  const gallery = galleryIn(image.region)
  const name = nameFor(image.token)
  const id = `/subscriptions/${subscriptionId}/resourceGroups/${group}/providers/Microsoft.Compute/galleries/${gallery}/images/${name}/versions/${onlyVersion}`
  const made = await client.find('GalleryImageVersions_Get', () =>
    galleryImageVersions.get(group, gallery, name, onlyVersion),
  )
  if (made && made.provisioningState !== 'Deleting') return { region: image.region, id }

  await ensureGallery(client, image.region)
  const tags = withName(image.tags, image.name)
  await client.finish('GalleryImages_CreateOrUpdate', (pace) =>
    galleryImages.createOrUpdate(
      group,
      gallery,
      name,
      {
        location: image.region,
        tags,
        osType: 'Linux',
        osState: 'Specialized',
        hyperVGeneration: generationOf(image.firmware),
        architecture: image.architecture === 'arm64' ? 'Arm64' : 'x64',
        ...(image.securityType === undefined
          ? {}
          : { features: [{ name: 'SecurityType', value: image.securityType }] }),
        identifier: { publisher: 'novacron', offer: 'images', sku: name },
      },
      pace,
    ),
  )
  await client.submit('GalleryImageVersions_CreateOrUpdate', () =>
    galleryImageVersions.createOrUpdate(group, gallery, name, onlyVersion, {
      location: image.region,
      tags,
      storageProfile: source(),
      publishingProfile: {
        targetRegions: [{ name: image.region, regionalReplicaCount: 1, storageAccountType: 'Standard_LRS' }],
      },
    }),
  )
  return { region: image.region, id }
}

/** One gallery per region, shared by all jobs; it costs nothing and stays. */
export const galleryIn = (region: string): string => `novacron_${region}`

async function ensureGallery(client: AzureClient, region: string): Promise<void> {
  const group = client.settings.resourceGroup
  const { galleries } = client.compute
  const gallery = galleryIn(region)
  if (await client.find('Galleries_Get', () => galleries.get(group, gallery))) return
  await withGroup(client, region, () =>
    client.finish('Galleries_CreateOrUpdate', (pace) =>
      galleries.createOrUpdate(
        group,
        gallery,
        { location: region, tags: { 'novacron-shared': 'true' } },
        pace,
      ),
    ),
  )
}
