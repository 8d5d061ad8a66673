import { createFolderBuckets } from '#shared/clouds/onprem/buckets/buckets.ts'
import type { Site } from '#shared/clouds/onprem/hosts.ts'
import { createFolderObjects } from '#shared/clouds/onprem/objects/objects.ts'
import { createS3Storage, type ObjectStorage } from '#shared/clouds/onprem/objects/s3.ts'
import { storePlace } from '#shared/clouds/onprem/objects/store.ts'

/** Buckets and objects, in the folder or the S3 service of the registration. What is missing for it is told when it is used first. */
export function createObjectStorage(site: Site): ObjectStorage {
  let opened: ObjectStorage | undefined
  const store = (): ObjectStorage => (opened ??= open(site))
  return {
    buckets: {
      async *list(query) {
        yield* store().buckets.list(query)
      },
      get: async (ref) => store().buckets.get(ref),
      create: async (request) => store().buckets.create(request),
      setLifecycle: async (ref, rules) => store().buckets.setLifecycle(ref, rules),
      delete: async (ref, options) => store().buckets.delete(ref, options),
    },
    objects: {
      async *list(bucket, query) {
        yield* store().objects.list(bucket, query)
      },
      write: async (bucket, object) => store().objects.write(bucket, object),
      async *read(bucket, object) {
        yield* store().objects.read(bucket, object)
      },
      delete: async (bucket, key) => store().objects.delete(bucket, key),
    },
    close: () => opened?.close(),
  }
}

function open(site: Site): ObjectStorage {
  const place = storePlace(site)
  if ('endpoint' in place) return createS3Storage(site.settings, place)
  return { buckets: createFolderBuckets(site), objects: createFolderObjects(site), close: () => undefined }
}
