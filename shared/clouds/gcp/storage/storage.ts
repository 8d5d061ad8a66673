import { checksumText } from '#shared/clouds/checksum.ts'
import type { GcpClient } from '#shared/clouds/gcp/client.ts'
import { createBuckets } from '#shared/clouds/gcp/storage/buckets.ts'
import { createGcs, type Gcs } from '#shared/clouds/gcp/storage/gcs.ts'
import { createGcsObjects, type GcsObjects } from '#shared/clouds/gcp/storage/objects.ts'
import { createVolumes } from '#shared/clouds/gcp/storage/volumes.ts'
import type { StorageFacet } from '#shared/clouds/port.ts'

/** Block and object storage, with what other facets keep their things in. */
export interface GcpStorage {
  facet: StorageFacet
  gcs: Gcs
  objects: GcsObjects
}

export function createStorage(gcp: GcpClient): GcpStorage {
  const gcs = createGcs(gcp)
  const objects = createGcsObjects(gcp, gcs)
  return {
    gcs,
    objects,
    facet: {
      volumes: createVolumes(gcp),
      buckets: createBuckets(gcs, objects),
      objects: {
        async *list({ id }, { prefix }) {
          for await (const { key, sizeBytes, modifiedAt, md5, crc32c } of objects.list(id, prefix)) {
            const checksum =
              md5 === undefined
                ? checksumText('crc32c', Buffer.from(crc32c, 'base64'))
                : checksumText('md5', Buffer.from(md5, 'base64'))
            yield { key, sizeBytes, modifiedAt, checksum }
          }
        },
        write: async ({ id }, object) => void (await objects.write(id, object)),
        read: ({ id }, { key, ...range }) => objects.read(id, key, range),
        delete: ({ id }, key) => objects.delete(id, key),
      },
    },
  }
}
