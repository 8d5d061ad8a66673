import type { AwsClients } from '#shared/clouds/aws/clients.ts'
import { unlessAbsent } from '#shared/clouds/aws/parallel.ts'
import type { CloudRef } from '#shared/clouds/port.ts'

/** Ids of the uploads of a key that were begun and not ended; none if there is no such bucket. Their parts are paid for until somebody aborts them. */
export async function openUploads(
  { s3 }: Pick<AwsClients, 's3'>,
  { region, id: Bucket }: CloudRef,
  key: string,
): Promise<string[]> {
  const listed = await unlessAbsent(
    s3(region, 'ListMultipartUploads', (client, http) =>
      client.listMultipartUploads({ Bucket, Prefix: key }, http),
    ),
  )
  return (listed?.Uploads ?? []).flatMap(({ Key, UploadId }) =>
    Key === key && UploadId !== undefined ? [UploadId] : [],
  )
}

/** Aborts what a crash cut off; the next write of the same key does. */
export async function abortUploads(
  aws: Pick<AwsClients, 's3'>,
  bucket: CloudRef,
  key: string,
): Promise<void> {
  for (const upload of await openUploads(aws, bucket, key)) await abortUpload(aws, bucket, key, upload)
}

/** Gone already is fine. */
export const abortUpload = async (
  { s3 }: Pick<AwsClients, 's3'>,
  { region, id: Bucket }: CloudRef,
  Key: string,
  UploadId: string,
): Promise<void> => {
  await unlessAbsent(
    s3(region, 'AbortMultipartUpload', (client, http) =>
      client.abortMultipartUpload({ Bucket, Key, UploadId }, http),
    ),
  )
}
