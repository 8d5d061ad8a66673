import { randomUUID } from 'node:crypto'
import type { Context } from '#test/clouds/azure/context.ts'
import { usableVersion } from '#test/clouds/azure/images/world.ts'
import { Refusal } from '#test/clouds/azure/replies.ts'

/** An image that a VM can be made of. */
export interface BootImage {
  generation: 'V1' | 'V2'
  architecture: 'x64' | 'Arm64'
  /** Brings its accounts along. */
  specialized: boolean
  /** What the disk made of it says of it. */
  reference: object
  /** Puts a copy of its boot disk into the store, and says how large that is. */
  copyTo(storeId: string): Promise<number>
  /** The same for its data disks; `naming` is called for each. */
  dataDisks<N>(
    naming: (disk: { lun: number }) => N,
  ): Promise<(N & { storeId: string; sizeBytes: number; lun: number })[]>
}

interface ImageReference {
  id?: string
  publisher?: string
  offer?: string
  sku?: string
  version?: string
}

/** An image of a gallery by its id, or one of the publishers' on offer; those all hold the same bytes. */
export function findImage(context: Context, given: ImageReference): BootImage {
  return given.id === undefined ? platformImage(context, given) : galleryImage(context, given.id)
}

const platformImages: Readonly<Record<string, Pick<BootImage, 'generation' | 'architecture'>>> = {
  'canonical:ubuntu-24_04-lts:server': { generation: 'V2', architecture: 'x64' },
  'canonical:ubuntu-24_04-lts:server-gen1': { generation: 'V1', architecture: 'x64' },
  'canonical:ubuntu-24_04-lts:server-arm64': { generation: 'V2', architecture: 'Arm64' },
}

function platformImage(
  { store, imagePath }: Context,
  { publisher = '', offer = '', sku = '', version }: ImageReference,
): BootImage {
  const image = platformImages[[publisher, offer, sku].join(':').toLowerCase()]
  if (!image) {
    throw new Refusal(
      404,
      'PlatformImageNotFound',
      `The platform image '${[publisher, offer, sku, version].join(':')}' is not available. Verify that all fields in the storage profile are correct.`,
      'imageReference',
    )
  }
  return {
    ...image,
    specialized: false,
    reference: { imageReference: { id: [publisher, offer, sku].join('/') } },
    async copyTo(storeId) {
      if (imagePath !== undefined) return (await store.import(storeId, imagePath)).sizeBytes
      return (await store.create(storeId, 1024 ** 3)).sizeBytes
    },
    dataDisks: () => Promise.resolve([]),
  }
}

function galleryImage(context: Context, id: string): BootImage {
  const { definition, version } = usableVersion(context, id)
  const { store } = context
  const [boot, ...data] = version.disks
  return {
    generation: definition.generation,
    architecture: definition.architecture,
    specialized: definition.specialized,
    reference: { galleryImageReference: { id: version.id } },
    async copyTo(storeId) {
      return (await store.clone(storeId, boot?.storeId ?? '')).sizeBytes
    },
    dataDisks: (naming) =>
      Promise.all(
        data.map(async ({ storeId: from, sizeBytes, lun }) => {
          const storeId = `disk-${randomUUID()}`
          await store.clone(storeId, from)
          return { ...naming({ lun }), storeId, sizeBytes, lun }
        }),
      ),
  }
}
