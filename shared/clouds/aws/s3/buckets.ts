import type { AwsClients } from '#shared/clouds/aws/clients.ts'
import { ensureBucket } from '#shared/clouds/aws/s3/create-bucket.ts'
import { deleteBucket } from '#shared/clouds/aws/s3/delete-bucket.ts'
import { bucketNames, bucketTags, getBucket, listBuckets } from '#shared/clouds/aws/s3/describe-bucket.ts'
import { setLifecycle } from '#shared/clouds/aws/s3/lifecycle.ts'
import { mapParallel } from '#shared/clouds/aws/parallel.ts'
import type { BucketsFacet, OwnedResource } from '#shared/clouds/port.ts'

/** Buckets of S3. */
export const createBuckets = (aws: AwsClients): BucketsFacet => ({
  list: ({ region }) => listBuckets(aws, region),
  get: (ref) => getBucket(aws, ref),
  create: (request) => ensureBucket(aws, request),
  setLifecycle: (ref, rules) => setLifecycle(aws, ref, rules),
  delete: (ref, options) => deleteBucket(aws, ref, options),
})

/** Buckets in a region that carry all of `tags`: what inventory shows of S3. */
export async function* ownedBuckets(
  aws: AwsClients,
  { region, tags }: { region: string; tags: Record<string, string> },
): AsyncGenerator<OwnedResource> {
  const seen = mapParallel(bucketNames(aws, region), 8, async ({ name }) => ({
    name,
    has: await bucketTags(aws, { region, id: name }),
  }))
  // All of them before the first is given, so that no call is under way while the caller does something with it.
  for (const { name, has } of await Array.fromAsync(seen)) {
    if (has === undefined || !Object.entries(tags).every(([key, value]) => has[key] === value)) continue
    yield { region, id: name, kind: 'bucket', name, tags: has }
  }
}
