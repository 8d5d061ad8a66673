import type { ObjectIdentifier } from '@aws-sdk/client-s3'
import type { AwsClients } from '#shared/clouds/aws/clients.ts'
import { unlessAbsent } from '#shared/clouds/aws/parallel.ts'
import { CloudError } from '#shared/clouds/errors.ts'
import type { CloudRef } from '#shared/clouds/port.ts'

/** Deletes a bucket; with `withObjects` all versions of all its objects before. No such bucket is fine. */
export async function deleteBucket(
  aws: AwsClients,
  ref: CloudRef,
  { withObjects }: { withObjects: boolean },
): Promise<void> {
  const { region, id: Bucket } = ref
  if (withObjects && (await unlessAbsent(emptyBucket(aws, ref))) === undefined) return
  await unlessAbsent(aws.s3(region, 'DeleteBucket', (s3, http) => s3.deleteBucket({ Bucket }, http)))
}

/** Page by page: a page that was deleted is not listed again, so the next one is always the first. */
async function emptyBucket(aws: AwsClients, { region, id: Bucket }: CloudRef): Promise<true> {
  for (;;) {
    const page = await aws.s3(region, 'ListObjectVersions', (s3, http) =>
      s3.listObjectVersions({ Bucket, MaxKeys: objectsPerDelete }, http),
    )
    const found = [...(page.Versions ?? []), ...(page.DeleteMarkers ?? [])].flatMap(({ Key, VersionId }) =>
      Key === undefined ? [] : [{ Key, ...(VersionId === undefined ? {} : { VersionId }) }],
    )
    if (found.length > 0) await deleteAll(aws, { region, id: Bucket }, found)
    else if (page.IsTruncated !== true) return true
  }
}

async function deleteAll(
  aws: AwsClients,
  { region, id: Bucket }: CloudRef,
  Objects: ObjectIdentifier[],
): Promise<void> {
  const { Errors = [] } = await aws.s3(region, 'DeleteObjects', (s3, http) =>
    s3.deleteObjects({ Bucket, Delete: { Objects, Quiet: true } }, http),
  )
  const [first] = Errors
  if (first === undefined) return
  throw new CloudError(
    `AWS DeleteObjects in ${region}: ${Errors.length} of ${Objects.length} objects of ${Bucket} were not deleted; ${first.Key}: ${first.Message ?? first.Code}.`,
    {
      cloud: 'aws',
      operation: 'DeleteObjects',
      code: first.Code === 'AccessDenied' ? 'forbidden' : 'unavailable',
      kind: first.Code === 'AccessDenied' ? 'permanent' : 'retryable',
      remedy: 'Look for a retention lock or a policy on the object; the others are deleted.',
      ...(first.Code === undefined ? {} : { vendorCode: first.Code }),
    },
  )
}

/** The most that DeleteObjects takes. */
const objectsPerDelete = 1000
