import type { CompletedPart } from '@aws-sdk/client-s3'
import type { ObjectRef } from '#shared/clouds/port.ts'
import type { AwsClients } from '#shared/clouds/aws/clients.ts'
import { mapParallel, unlessAbsent } from '#shared/clouds/aws/parallel.ts'

/** Gives the object `fromKey` of the same bucket the key of `to`, within S3. False if there is no such object (any more). */
export async function moveObject(aws: AwsClients, to: ObjectRef, fromKey: string): Promise<boolean> {
  const { region, bucket: Bucket, key: Key } = to
  const head = await unlessAbsent(
    aws.s3(region, 'HeadObject', (s3, http) => s3.headObject({ Bucket, Key: fromKey }, http)),
  )
  if (head === undefined) return false
  const CopySource = `${Bucket}/${fromKey.split('/').map(encodeURIComponent).join('/')}`
  const sizeBytes = head.ContentLength ?? 0
  if (sizeBytes > mostInOneCopy) await copyInParts(aws, to, CopySource, sizeBytes)
  else await aws.s3(region, 'CopyObject', (s3, http) => s3.copyObject({ Bucket, Key, CopySource }, http))
  await unlessAbsent(
    aws.s3(region, 'DeleteObject', (s3, http) => s3.deleteObject({ Bucket, Key: fromKey }, http)),
  )
  return true
}

async function copyInParts(
  aws: AwsClients,
  { region, bucket: Bucket, key: Key }: ObjectRef,
  CopySource: string,
  sizeBytes: number,
): Promise<void> {
  const { UploadId = '' } = await aws.s3(region, 'CreateMultipartUpload', (s3, http) =>
    s3.createMultipartUpload({ Bucket, Key }, http),
  )
  const count = Math.ceil(sizeBytes / copiedAtOnce)
  const ranges = Array.from({ length: count }, (_, index) => ({
    PartNumber: index + 1,
    CopySourceRange: `bytes=${index * copiedAtOnce}-${Math.min(sizeBytes, (index + 1) * copiedAtOnce) - 1}`,
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
    await aws.s3(region, 'CompleteMultipartUpload', (s3, http) =>
      s3.completeMultipartUpload({ Bucket, Key, UploadId, MultipartUpload: { Parts } }, http),
    )
  } catch (error) {
    await aws
      .s3(region, 'AbortMultipartUpload', (s3, http) =>
        s3.abortMultipartUpload({ Bucket, Key, UploadId }, http),
      )
      .catch(() => {})
    throw error
  }
}

/** The most that CopyObject takes. */
const mostInOneCopy = 5 * 2 ** 30
const copiedAtOnce = 512 * 2 ** 20
