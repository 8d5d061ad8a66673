import type { CompletedPart } from '@aws-sdk/client-s3'
import type { AwsClients } from '#shared/clouds/aws/clients.ts'
import { mapParallel } from '#shared/clouds/aws/parallel.ts'
import { abortUpload, abortUploads } from '#shared/clouds/aws/s3/open-uploads.ts'
import { pieces } from '#shared/clouds/pieces.ts'
import type { CloudRef } from '#shared/clouds/port.ts'

interface Upload {
  key: string
  sizeBytes: number
  body: AsyncIterable<Buffer>
}

/** The least that is written in parts; also the size of the parts, until there would be too many. */
export const partBytes = 8 * 2 ** 20

/** Writes an object in parts, some at once, each checked by S3 against its SHA-256. What was begun is taken back if it fails. */
export async function uploadInParts(aws: AwsClients, bucket: CloudRef, object: Upload): Promise<void> {
  const { region, id: Bucket } = bucket
  const { key: Key, sizeBytes, body } = object
  await abortUploads(aws, bucket, Key)
  const { UploadId = '' } = await aws.s3(region, 'CreateMultipartUpload', (s3, http) =>
    s3.createMultipartUpload({ Bucket, Key, ChecksumAlgorithm: 'SHA256', ChecksumType: 'COMPOSITE' }, http),
  )
  try {
    const sizeOfPart = partSizeOf(sizeBytes)
    const atOnce = Math.max(1, Math.min(4, Math.floor(bytesInFlight / sizeOfPart)))
    const Parts: CompletedPart[] = []
    const sent = mapParallel(
      pieces(body, sizeOfPart, sizeBytes, writing),
      atOnce,
      ({ data, number: PartNumber }) => sendPart(aws, bucket, { Key, UploadId, PartNumber, data }),
    )
    for await (const part of sent) Parts.push(part)
    await aws.s3(region, 'CompleteMultipartUpload', (s3, http) =>
      s3.completeMultipartUpload(
        { Bucket, Key, UploadId, MpuObjectSize: sizeBytes, MultipartUpload: { Parts } },
        http,
      ),
    )
  } catch (error) {
    await abortUpload(aws, bucket, Key, UploadId).catch(() => {})
    throw error
  }
}

async function sendPart(
  aws: AwsClients,
  { region, id: Bucket }: CloudRef,
  { data, ...part }: { Key: string; UploadId: string; PartNumber: number; data: Buffer },
): Promise<CompletedPart> {
  const { ETag, ChecksumSHA256 } = await aws.s3(region, 'UploadPart', (s3, http) =>
    s3.uploadPart({ Bucket, ...part, Body: data, ChecksumAlgorithm: 'SHA256' }, http),
  )
  return {
    PartNumber: part.PartNumber,
    ...(ETag === undefined ? {} : { ETag }),
    ...(ChecksumSHA256 === undefined ? {} : { ChecksumSHA256 }),
  }
}

/** S3 takes 10,000 parts: "Amazon S3 multipart upload limits". */
const partSizeOf = (sizeBytes: number): number =>
  Math.max(partBytes, Math.ceil(sizeBytes / 10_000 / 2 ** 20) * 2 ** 20)

const bytesInFlight = 64 * 2 ** 20
const writing = { cloud: 'aws', operation: 'UploadPart' } as const
