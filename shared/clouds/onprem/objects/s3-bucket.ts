import type { AwsClients } from '#shared/clouds/aws/clients.ts'
import { intentTags, tokenTag } from '#shared/clouds/aws/mapping.ts'
import { bucketTags } from '#shared/clouds/aws/s3/describe-bucket.ts'
import { setLifecycle } from '#shared/clouds/aws/s3/lifecycle.ts'
import { onceKnown } from '#shared/clouds/aws/waiting.ts'
import { CloudError } from '#shared/clouds/errors.ts'
import { refusal } from '#shared/clouds/onprem/refusals.ts'
import type { BucketsFacet } from '#shared/clouds/port.ts'

type Request = Parameters<BucketsFacet['create']>[0]

/** Says which location a bucket is of. */
export const locationTag = 'novacron-location'

/**
 * The bucket of an intent, by calls that every S3 service has: few take tags in the creating call, so they are set by the next one. One that was
 * left without tags between the two is taken up if nothing is in it. What the service does not have (a block on public access, encryption) is left
 * out; describing the bucket tells the truth.
 * @throws CloudError `conflict` if the name is somebody else's, or another intent's.
 */
export async function createS3Bucket(aws: AwsClients, region: string, request: Request): Promise<void> {
  const { name: Bucket, versioning } = request
  const ref = { region, id: Bucket }
  const tags = await bucketTags(aws, ref).catch((error: unknown) => {
    throw isForeign(error) ? taken(request, error) : error
  })
  if (tags === undefined) await create(aws, region, request)
  else if (tags[tokenTag] === undefined && !(await isEmpty(aws, region, Bucket))) throw taken(request)
  if (tags?.[tokenTag] !== undefined && tags[tokenTag] !== request.token) throw taken(request)

  const owned = { ...request, tags: { ...request.tags, [locationTag]: request.region } }
  const Tagging = { TagSet: intentTags(owned, Bucket) }
  // A service of several machines may not know everywhere at once what was just made.
  await onceKnown(aws, () =>
    aws.s3(region, 'PutBucketTagging', (s3, http) => s3.putBucketTagging({ Bucket, Tagging }, http)),
  )
  await whereOffered(() => blockPublicAccess(aws, region, Bucket))
  await (request.encryption === undefined
    ? whereOffered(() => encrypt(aws, region, request))
    : encrypt(aws, region, request))
  if (versioning)
    await aws.s3(region, 'PutBucketVersioning', (s3, http) =>
      s3.putBucketVersioning({ Bucket, VersioningConfiguration: { Status: 'Enabled' } }, http),
    )
  if (request.lifecycle.length > 0) await setLifecycle(aws, ref, request.lifecycle)
}

/** How services name a call that they do not have. */
export const isMissing = ({ vendorCode = '' }: CloudError): boolean =>
  ['NotImplemented', 'MethodNotAllowed', 'UnsupportedOperation'].includes(vendorCode)

async function create(aws: AwsClients, region: string, request: Request): Promise<void> {
  const { name: Bucket } = request
  try {
    await aws.s3(region, 'CreateBucket', (s3, http) => s3.createBucket({ Bucket }, http))
  } catch (error) {
    if (error instanceof CloudError && error.vendorCode === 'BucketAlreadyOwnedByYou') return
    throw isForeign(error) ? taken(request, error) : error
  }
}

async function isEmpty(aws: AwsClients, region: string, Bucket: string): Promise<boolean> {
  const { KeyCount = 0 } = await aws.s3(region, 'ListObjectsV2', (s3, http) =>
    s3.listObjectsV2({ Bucket, MaxKeys: 1 }, http),
  )
  return KeyCount === 0
}

const blockPublicAccess = (aws: AwsClients, region: string, Bucket: string) => {
  const PublicAccessBlockConfiguration = {
    BlockPublicAcls: true,
    IgnorePublicAcls: true,
    BlockPublicPolicy: true,
    RestrictPublicBuckets: true,
  }
  return aws.s3(region, 'PutPublicAccessBlock', (s3, http) =>
    s3.putPublicAccessBlock({ Bucket, PublicAccessBlockConfiguration }, http),
  )
}

const encrypt = (aws: AwsClients, region: string, { name: Bucket, encryption }: Request) => {
  const keyId = encryption?.keyId
  const rule =
    keyId === undefined
      ? { SSEAlgorithm: 'AES256' as const }
      : { SSEAlgorithm: 'aws:kms' as const, KMSMasterKeyID: keyId }
  const ServerSideEncryptionConfiguration = { Rules: [{ ApplyServerSideEncryptionByDefault: rule }] }
  return aws.s3(region, 'PutBucketEncryption', (s3, http) =>
    s3.putBucketEncryption({ Bucket, ServerSideEncryptionConfiguration }, http),
  )
}

async function whereOffered(ask: () => Promise<unknown>): Promise<void> {
  try {
    await ask()
  } catch (error) {
    if (!(error instanceof CloudError && isMissing(error))) throw error
  }
}

const isForeign = (error: unknown): error is CloudError =>
  error instanceof CloudError && /^(BucketAlreadyExists|AccessDenied)$/.test(error.vendorCode ?? '')

const taken = ({ region, name }: Request, cause?: CloudError) =>
  refusal('storage.buckets.create', `The bucket name ${name} is taken in the object store.`, {
    code: 'conflict',
    remedy: 'Choose another name.',
    details: { region, field: 'name' },
    ...(cause === undefined ? {} : { cause }),
  })
