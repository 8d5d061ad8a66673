import type { CompletedPart, HeadObjectCommandOutput } from '@aws-sdk/client-s3'
import type { ObjectRef } from '#shared/clouds/port.ts'
import type { AwsClients } from '#shared/clouds/aws/clients.ts'
import { mapParallel, unlessAbsent } from '#shared/clouds/aws/parallel.ts'
import { abortUpload, abortUploads } from '#shared/clouds/aws/s3/open-uploads.ts'

/**
 * Gives the object `fromKey` of the same bucket the key of `to`, within S3. False if there is no such object (any more).
 * @param limits bytes that one CopyObject takes at most (the vendor's limit), and bytes of the parts of what is larger.
 */
export async function moveObject(
  aws: Pick<AwsClients, 's3'>,
  to: ObjectRef,
  fromKey: string,
  limits: CopyLimits = { oneCopyBytes: 5 * 2 ** 30, partBytes: 512 * 2 ** 20 },
): Promise<boolean> {
  const { region, bucket: Bucket, key: Key } = to
  const head = await headObject(aws, { region, bucket: Bucket, key: fromKey })
  if (head === undefined) return false
  const CopySource = `${Bucket}/${fromKey.split('/').map(encodeURIComponent).join('/')}`
  const sizeBytes = head.ContentLength ?? 0
  const copied = await unlessAbsent(
    sizeBytes > limits.oneCopyBytes
      ? copyInParts(aws, to, CopySource, { sizeBytes, ...limits })
      : aws.s3(region, 'CopyObject', (s3, http) => s3.copyObject({ Bucket, Key, CopySource }, http)),
  )
  // Somebody else has moved it since.
  if (copied === undefined) return false
  await unlessAbsent(
    aws.s3(region, 'DeleteObject', (s3, http) => s3.deleteObject({ Bucket, Key: fromKey }, http)),
  )
  return true
}

/** What S3 says of an object; undefined if there is none. */
export const headObject = (
  { s3 }: Pick<AwsClients, 's3'>,
  { region, bucket: Bucket, key: Key }: ObjectRef,
): Promise<HeadObjectCommandOutput | undefined> =>
  unlessAbsent(s3(region, 'HeadObject', (client, http) => client.headObject({ Bucket, Key }, http)))

interface CopyLimits {
  oneCopyBytes: number
  partBytes: number
}

async function copyInParts(
  aws: Pick<AwsClients, 's3'>,
  { region, bucket: Bucket, key: Key }: ObjectRef,
  CopySource: string,
  { sizeBytes, partBytes }: { sizeBytes: number; partBytes: number },
): Promise<unknown> {
  await abortUploads(aws, { region, id: Bucket }, Key)
  const { UploadId = '' } = await aws.s3(region, 'CreateMultipartUpload', (s3, http) =>
    s3.createMultipartUpload({ Bucket, Key }, http),
  )
  const count = Math.ceil(sizeBytes / partBytes)
  const ranges = Array.from({ length: count }, (_, index) => ({
    PartNumber: index + 1,
    CopySourceRange: `bytes=${index * partBytes}-${Math.min(sizeBytes, (index + 1) * partBytes) - 1}`,
  }))
  try {
    const Parts: CompletedPart[] = []
    const copied = mapParallel(ranges, 8, async (range) => {
      const { CopyPartResult } = await aws.s3(region, 'UploadPartCopy', (s3, http) =>
        s3.uploadPartCopy({ Bucket, Key, UploadId, CopySource, ...range }, http),
      )
      const ETag = CopyPartResult?.ETag
      return { PartNumber: range.PartNumber, ...(ETag === undefined ? {} : { ETag }) }
    })
    for await (const part of copied) Parts.push(part)
    return await aws.s3(region, 'CompleteMultipartUpload', (s3, http) =>
      s3.completeMultipartUpload({ Bucket, Key, UploadId, MultipartUpload: { Parts } }, http),
    )
  } catch (error) {
    await abortUpload(aws, { region, id: Bucket }, Key, UploadId).catch(() => {})
    throw error
  }
}
