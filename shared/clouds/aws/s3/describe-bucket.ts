import type { PublicAccessBlockConfiguration, Grant, ServerSideEncryptionRule } from '@aws-sdk/client-s3'
import type { AwsClients } from '#shared/clouds/aws/clients.ts'
import { toTags } from '#shared/clouds/aws/mapping.ts'
import { mapParallel, unlessAbsent } from '#shared/clouds/aws/parallel.ts'
import { getLifecycle } from '#shared/clouds/aws/s3/lifecycle.ts'
import type { CloudBucket, CloudRef } from '#shared/clouds/port.ts'

/** The account's buckets in a region, each described by S3's calls for its parts; paged to the end. */
export async function* listBuckets(aws: AwsClients, region: string): AsyncGenerator<CloudBucket> {
  const described = mapParallel(bucketNames(aws, region), bucketsAtOnce, ({ name, createdAt }) =>
    describeBucket(aws, { region, id: name }, createdAt),
  )
  // One that was deleted meanwhile is left out.
  for await (const bucket of described) if (bucket) yield bucket
}

/** One bucket, or undefined if the account has none of that name in the region. Only lists tell when it was made. */
export async function getBucket(aws: AwsClients, { region, id }: CloudRef): Promise<CloudBucket | undefined> {
  for await (const { name, createdAt } of bucketNames(aws, region, id)) {
    if (name === id) return describeBucket(aws, { region, id }, createdAt)
  }
  return undefined
}

/** Names of the account's buckets in a region, or of those that begin with `prefix`. */
export async function* bucketNames(
  aws: AwsClients,
  region: string,
  prefix?: string,
): AsyncGenerator<{ name: string; createdAt: Date | undefined }> {
  for (let token: string | undefined; ;) {
    const page = await aws.s3(region, 'ListBuckets', (s3, http) =>
      s3.listBuckets(
        {
          BucketRegion: region,
          MaxBuckets: 1000,
          ...(prefix === undefined ? {} : { Prefix: prefix }),
          ...(token === undefined ? {} : { ContinuationToken: token }),
        },
        http,
      ),
    )
    for (const { Name, CreationDate } of page.Buckets ?? []) {
      if (Name !== undefined) yield { name: Name, createdAt: CreationDate }
    }
    token = page.ContinuationToken
    if (token === undefined || token === '') return
  }
}

/** The tags of a bucket; none if it has none, undefined if there is no such bucket. */
export async function bucketTags(
  aws: AwsClients,
  { region, id: Bucket }: CloudRef,
): Promise<Record<string, string> | undefined> {
  const found = await aws
    .s3(region, 'GetBucketTagging', (s3, http) => s3.getBucketTagging({ Bucket }, http))
    .catch((error: { vendorCode?: string }) => {
      if (error.vendorCode === 'NoSuchTagSet') return { TagSet: [] }
      if (error.vendorCode === 'NoSuchBucket') return undefined
      throw error
    })
  return found && toTags(found.TagSet)
}

/** A bucket with what is set on it, or undefined if there is none of that name here. */
async function describeBucket(
  aws: AwsClients,
  ref: CloudRef,
  createdAt?: Date,
): Promise<CloudBucket | undefined> {
  const { region, id: Bucket } = ref
  const tags = await bucketTags(aws, ref)
  if (tags === undefined) return undefined
  const [encryption, versioning, access, lifecycle] = await Promise.all([
    bucketEncryption(aws, ref),
    unlessAbsent(
      aws.s3(region, 'GetBucketVersioning', (s3, http) => s3.getBucketVersioning({ Bucket }, http)),
    ),
    bucketAccess(aws, ref),
    getLifecycle(aws, ref),
  ])
  const keyId = encryption?.ApplyServerSideEncryptionByDefault?.KMSMasterKeyID
  return {
    ...ref,
    name: Bucket,
    encrypted: encryption !== undefined,
    ...(keyId === undefined ? {} : { keyId }),
    versioning: versioning?.Status === 'Enabled',
    access,
    lifecycle,
    tags,
    ...(createdAt === undefined ? {} : { createdAt }),
  }
}

/** Can anybody read it, by policy or by access control list; or is that ruled out? */
async function bucketAccess(
  aws: AwsClients,
  { region, id: Bucket }: CloudRef,
): Promise<CloudBucket['access']> {
  const [block, policy, acl] = await Promise.all([
    unlessAbsent(
      aws.s3(region, 'GetPublicAccessBlock', (s3, http) => s3.getPublicAccessBlock({ Bucket }, http)),
    ),
    unlessAbsent(
      aws.s3(region, 'GetBucketPolicyStatus', (s3, http) => s3.getBucketPolicyStatus({ Bucket }, http)),
    ),
    unlessAbsent(aws.s3(region, 'GetBucketAcl', (s3, http) => s3.getBucketAcl({ Bucket }, http))),
  ])
  const { RestrictPublicBuckets, IgnorePublicAcls, ...setting } = block?.PublicAccessBlockConfiguration ?? {}
  if (blocks({ RestrictPublicBuckets, IgnorePublicAcls, ...setting })) return 'blocked'
  const byPolicy = policy?.PolicyStatus?.IsPublic === true && RestrictPublicBuckets !== true
  const byAcl = (acl?.Grants ?? []).some(toEverybody) && IgnorePublicAcls !== true
  return byPolicy || byAcl ? 'public' : 'private'
}

const blocks = (setting: PublicAccessBlockConfiguration): boolean =>
  setting.BlockPublicAcls === true &&
  setting.BlockPublicPolicy === true &&
  setting.IgnorePublicAcls === true &&
  setting.RestrictPublicBuckets === true

/** Groups of S3's access control lists: "Access control list (ACL) overview", predefined groups. */
const toEverybody = ({ Grantee }: Grant): boolean =>
  /\/groups\/global\/(AllUsers|AuthenticatedUsers)$/.test(Grantee?.URI ?? '')

async function bucketEncryption(
  aws: AwsClients,
  { region, id: Bucket }: CloudRef,
): Promise<ServerSideEncryptionRule | undefined> {
  const found = await unlessAbsent(
    aws.s3(region, 'GetBucketEncryption', (s3, http) => s3.getBucketEncryption({ Bucket }, http)),
  )
  return found?.ServerSideEncryptionConfiguration?.Rules?.[0]
}

const bucketsAtOnce = 8
