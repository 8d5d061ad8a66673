import type { GalleryImage, GalleryImageVersion, Image } from '@azure/arm-compute'
import { firmwareOf } from '#shared/clouds/azure/mapping.ts'
import { canonicalId } from '#shared/clouds/azure/names.ts'
import { shownName } from '#shared/clouds/azure/tags.ts'
import type { CloudImage, CreationState } from '#shared/clouds/port.ts'

/** A version in a gallery, with the definition that says what is the same for all its versions. */
export function fromVersion(
  region: string,
  definition: GalleryImage,
  version: GalleryImageVersion,
): CloudImage {
  const sizeGib = version.storageProfile?.osDiskImage?.sizeInGB
  const tags = { ...definition.tags, ...version.tags }
  const publishedAt = version.publishingProfile?.publishedDate
  return {
    region,
    id: canonicalId(version.id ?? ''),
    name: shownName({ ...(definition.name === undefined ? {} : { name: definition.name }), tags }),
    state: imageState(version.provisioningState),
    architecture: definition.architecture === 'Arm64' ? 'arm64' : 'x86_64',
    firmware: firmwareOf(definition.hyperVGeneration) ?? 'bios',
    ...(sizeGib === undefined ? {} : { sizeBytes: sizeGib * 1024 ** 3 }),
    public: false,
    tags,
    ...(publishedAt === undefined ? {} : { createdAt: publishedAt }),
  }
}

/** A managed image; Azure makes none of Arm machines. */
export function fromManaged(image: Image): CloudImage {
  const sizeGib = image.storageProfile?.osDisk?.diskSizeGB
  return {
    region: image.location,
    id: canonicalId(image.id ?? ''),
    name: shownName(image),
    state: imageState(image.provisioningState),
    architecture: 'x86_64',
    firmware: firmwareOf(image.hyperVGeneration) ?? 'bios',
    ...(sizeGib === undefined ? {} : { sizeBytes: sizeGib * 1024 ** 3 }),
    public: false,
    tags: image.tags ?? {},
  }
}

export function imageState(provisioningState: string | undefined): CreationState {
  if (provisioningState === 'Succeeded') return 'ready'
  return provisioningState === 'Failed' || provisioningState === 'Canceled' ? 'failed' : 'pending'
}

/** Is it to be had in the region? Azure spells regions now `East US`, now `eastus`. */
export const isIn = (region: string, { location, publishingProfile }: GalleryImageVersion): boolean =>
  [location, ...(publishingProfile?.targetRegions ?? []).map(({ name }) => name)].some(
    (each) => each.toLowerCase().replaceAll(' ', '') === region,
  )
