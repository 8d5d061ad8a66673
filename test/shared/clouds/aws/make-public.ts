import { S3 } from '@aws-sdk/client-s3'
import type { CloudRef } from '#shared/clouds/port.ts'
import type { LoopbackAws } from '#test/clouds/aws/server.ts'

/** Lets everybody read a bucket, as its owner might: by a policy, after taking the block away. */
export async function makePublic(loopback: LoopbackAws, { region, id: Bucket }: CloudRef): Promise<void> {
  const s3 = rawS3(loopback, region)
  const Policy = JSON.stringify({
    Version: '2012-10-17',
    Statement: [
      { Effect: 'Allow', Principal: '*', Action: 's3:GetObject', Resource: `arn:aws:s3:::${Bucket}/*` },
    ],
  })
  await s3.deletePublicAccessBlock({ Bucket })
  await s3.putBucketPolicy({ Bucket, Policy })
  s3.destroy()
}

/** The vendor's own S3 client on a loopback AWS. It retries nothing. */
export const rawS3 = (loopback: LoopbackAws, region: string): S3 =>
  new S3({
    region,
    endpoint: loopback.url,
    forcePathStyle: true,
    maxAttempts: 1,
    credentials: {
      accessKeyId: loopback.credentials.access_key_id,
      secretAccessKey: loopback.credentials.secret_access_key,
    },
  })
