import type { BucketLocationConstraint } from '@aws-sdk/client-s3'
import type { AwsClients } from '#shared/clouds/aws/clients.ts'
import { intentTags, tokenTag } from '#shared/clouds/aws/mapping.ts'
import { bucketTags } from '#shared/clouds/aws/s3/describe-bucket.ts'
import { setLifecycle } from '#shared/clouds/aws/s3/lifecycle.ts'
import { waitFor } from '#shared/clouds/aws/waiting.ts'
import { CloudError } from '#shared/clouds/errors.ts'
import type { BucketsFacet, CloudRef } from '#shared/clouds/port.ts'

type Request = Parameters<BucketsFacet['create']>[0]

/**
 * The bucket of an intent. Its name makes it one; the token among its tags, set in the creating call itself, says whose it is. Everything that
 * is set afterwards is set again by a retry, so a creation that died half way is healed by it.
 * @throws CloudError `conflict` if the name is somebody else's, or another intent's.
 */
export async function ensureBucket(aws: AwsClients, request: Request): Promise<CloudRef> {
  const { region, name } = request
  const { consistency_ms: forMs, poll_ms: pollMs } = aws.settings.options
  const ref = { region, id: name }
  if (!(await isOurs(aws, request))) {
    await create(aws, request)
    // us-east-1 answers the creation of a bucket that the account has with success, so the tags decide, not the answer.
    await waitFor(async () => (await isOurs(aws, request)) || undefined, { forMs, pollMs })
  }
  await protect(aws, request)
  await setLifecycle(aws, ref, request.lifecycle)
  return ref
}

/** False if there is no bucket of the name. @throws CloudError `conflict` if there is one that is not this intent's. */
async function isOurs(aws: AwsClients, request: Request): Promise<boolean> {
  const { region, name, token } = request
  const tags = await bucketTags(aws, { region, id: name }).catch((error: unknown) => {
    const elsewhere = error instanceof CloudError && ['forbidden', 'invalid_request'].includes(error.code)
    throw elsewhere && /Denied|Redirect|Malformed/.test(error.vendorCode ?? '')
      ? taken(request, error)
      : error
  })
  if (tags === undefined) return false
  if (tags[tokenTag] !== token) throw taken(request)
  return true
}

async function create(aws: AwsClients, request: Request): Promise<void> {
  const { region, name: Bucket } = request
  try {
    await aws.s3(region, 'CreateBucket', (s3, http) =>
      s3.createBucket(
        {
          Bucket,
          // Without access control lists: only policies can open it, and those are blocked below.
          ObjectOwnership: 'BucketOwnerEnforced',
          CreateBucketConfiguration: {
            // S3 takes every region here but the one that it takes for none.
            ...(region === 'us-east-1' ? {} : { LocationConstraint: region as BucketLocationConstraint }),
            Tags: intentTags(request, Bucket),
          },
        },
        http,
      ),
    )
  } catch (error) {
    if (!(error instanceof CloudError)) throw error
    if (error.vendorCode === 'BucketAlreadyExists') throw taken(request, error)
    if (error.vendorCode !== 'BucketAlreadyOwnedByYou') throw error
  }
}

async function protect(aws: AwsClients, { region, name: Bucket, encryption, versioning }: Request) {
  const keyId = encryption?.keyId
  const ServerSideEncryptionConfiguration = {
    Rules: [
      keyId === undefined
        ? { ApplyServerSideEncryptionByDefault: { SSEAlgorithm: 'AES256' as const } }
        : {
            ApplyServerSideEncryptionByDefault: { SSEAlgorithm: 'aws:kms' as const, KMSMasterKeyID: keyId },
            // One call to KMS for many objects in place of one for each.
            BucketKeyEnabled: true,
          },
    ],
  }
  const PublicAccessBlockConfiguration = {
    BlockPublicAcls: true,
    IgnorePublicAcls: true,
    BlockPublicPolicy: true,
    RestrictPublicBuckets: true,
  }
  await aws.s3(region, 'PutPublicAccessBlock', (s3, http) =>
    s3.putPublicAccessBlock({ Bucket, PublicAccessBlockConfiguration }, http),
  )
  await aws.s3(region, 'PutBucketEncryption', (s3, http) =>
    s3.putBucketEncryption({ Bucket, ServerSideEncryptionConfiguration }, http),
  )
  if (!versioning) return
  await aws.s3(region, 'PutBucketVersioning', (s3, http) =>
    s3.putBucketVersioning({ Bucket, VersioningConfiguration: { Status: 'Enabled' } }, http),
  )
}

const taken = ({ region, name }: Request, cause?: CloudError) =>
  new CloudError(`The bucket name ${name} is taken: by another account, another region or another job.`, {
    cloud: 'aws',
    operation: 'CreateBucket',
    code: 'conflict',
    remedy: 'Names of buckets are shared by all AWS accounts: choose another name.',
    details: { region, field: 'name' },
    ...(cause?.vendorCode === undefined ? {} : { vendorCode: cause.vendorCode }),
    ...(cause?.requestId === undefined ? {} : { requestId: cause.requestId }),
    ...(cause === undefined ? {} : { cause }),
  })
