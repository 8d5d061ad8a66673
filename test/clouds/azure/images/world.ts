import type { Life } from '#test/clouds/core/clock.ts'
import type { Context } from '#test/clouds/azure/context.ts'
import type { Phase, Tags } from '#test/clouds/azure/estate.ts'
import { Refusal } from '#test/clouds/azure/replies.ts'

export interface Gallery {
  id: string
  name: string
  group: string
  location: string
  tags: Tags
  definitions: Map<string, Definition>
}

/** What all versions of an image have in common. */
export interface Definition {
  id: string
  name: string
  location: string
  tags: Tags
  given: Record<string, unknown>
  generation: 'V1' | 'V2'
  architecture: 'x64' | 'Arm64'
  specialized: boolean
  versions: Map<string, Version>
}

export interface Version {
  id: string
  name: string
  location: string
  tags: Tags
  createdAt: Date
  given: Record<string, unknown>
  life: Life<Phase>
  /** Boot disk first; empty while or when it could not be made. */
  disks: { storeId: string; sizeBytes: number; lun: number }[]
  failure?: { code: string; message: string }
}

/** By id in lower case. */
export type ImageWorld = Map<string, Gallery>

export const versionState = (version: Version): string => {
  switch (version.life.state()) {
    case 'creating':
      return 'Creating'
    case 'deleting':
    case 'gone':
      return 'Deleting'
    default:
      return version.failure ? 'Failed' : 'Succeeded'
  }
}

/** A finished version by its id, with what its definition says. */
export function usableVersion(
  { galleries }: Context,
  id: string,
): { definition: Definition; version: Version } {
  const [galleryId = '', rest = ''] = id.toLowerCase().split('/images/')
  const [name = '', versionName = ''] = rest.split('/versions/')
  const definition = galleries.get(galleryId)?.definitions.get(name)
  const version = definition?.versions.get(versionName)
  if (!definition || !version || version.life.state() === 'deleting')
    throw new Refusal(
      404,
      'GalleryImageNotFound',
      `The gallery image ${id} is not available.`,
      'imageReference',
    )
  if (versionState(version) !== 'Succeeded')
    throw new Refusal(
      409,
      'OperationNotAllowed',
      `The gallery image version ${id} is in state ${versionState(version)} and cannot be used.`,
      'imageReference',
    )
  return { definition, version }
}
