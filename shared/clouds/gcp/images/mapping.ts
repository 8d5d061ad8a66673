import type { protos } from '@google-cloud/compute'
import { architectureOf, firmwareOf, gibibyte } from '#shared/clouds/gcp/compute/mapping.ts'
import { idOf } from '#shared/clouds/gcp/names.ts'
import { readKept, tagsOf } from '#shared/clouds/gcp/tags.ts'
import type { CloudImage } from '#shared/clouds/port.ts'

export type Image = protos.google.cloud.compute.v1.IImage

export const imageId = (name: string): string =>
  idOf({ scope: 'global', place: '', collection: 'images', name })

/** An image as all clouds tell it. Images of Google are in no region; they are told as of the one that is asked for. */
export function toImage(region: string, image: Image, isPublic: boolean): CloudImage {
  const kept = readKept(image.description)
  return {
    region,
    id: imageId(image.name ?? ''),
    name: kept.name ?? image.name ?? '',
    state: image.status === 'READY' ? 'ready' : image.status === 'FAILED' ? 'failed' : 'pending',
    architecture: architectureOf(image.architecture, ''),
    firmware: firmwareOf(image.guestOsFeatures),
    ...(image.diskSizeGb ? { sizeBytes: Number(image.diskSizeGb) * gibibyte } : {}),
    public: isPublic,
    tags: tagsOf(image.labels, kept),
    ...(image.creationTimestamp ? { createdAt: new Date(image.creationTimestamp) } : {}),
  }
}
