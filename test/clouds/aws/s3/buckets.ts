import { addTags } from '#test/clouds/aws/action.ts'
import { Refusal } from '#test/clouds/aws/refusal.ts'
import { bucketOf, empty, numberIn, xmlReply, type S3Operation } from '#test/clouds/aws/s3/call.ts'
import type { Bucket } from '#test/clouds/aws/s3/state.ts'
import { element, many, maybe, one, readXml } from '#test/clouds/aws/s3/xml.ts'
import { z } from 'zod'

const tag = element({ Key: one(z.string().min(1).max(128)), Value: one(z.string().max(256)) })
export const tagSet = element({ Tag: many(tag).optional() })

const createConfiguration = element({
  LocationConstraint: maybe(z.string()),
  Tags: maybe(tagSet),
})

export const bucketOperations: Readonly<Record<string, S3Operation>> = {
  ListBuckets: {
    method: 'GET',
    on: 'service',
    query: ['max-buckets', 'continuation-token', 'prefix', 'bucket-region'],
    run(call) {
      const { world, query } = call
      const limit = Math.min(numberIn(call, 'max-buckets', 10_000, 10_000), world.pageLimit)
      const wanted = query.get('bucket-region')
      if (wanted !== undefined && wanted !== call.region)
        throw new Refusal('InvalidArgument', 'Argument value bucket-region does not match the endpoint')
      const listing = `buckets|${wanted}|${query.get('prefix')}`
      const after = afterToken(world.unseal(query.get('continuation-token') ?? ''), listing, query)
      const all = [...world.services.buckets.values()]
        .filter(
          ({ region, name }) => (wanted ?? region) === region && world.regions.get(region)?.visible.has(name),
        )
        .filter(({ name }) => name.startsWith(query.get('prefix') ?? '') && name > after)
        .toSorted((a, b) => (a.name < b.name ? -1 : 1))
      const page = all.slice(0, limit)
      return xmlReply('ListAllMyBucketsResult', {
        Owner: { ID: ownerId },
        Buckets: {
          Bucket: page.map(({ name, region, createdAt }) => ({
            Name: name,
            CreationDate: createdAt,
            BucketRegion: region,
          })),
        },
        ContinuationToken:
          page.length < all.length ? world.seal(`${page.at(-1)?.name ?? ''}|${listing}`) : undefined,
      })
    },
  },

  CreateBucket: {
    method: 'PUT',
    on: 'bucket',
    headers: ['x-amz-object-ownership', 'x-amz-acl', 'x-amz-bucket-object-lock-enabled'],
    run(call) {
      const { world, bucketName, region } = call
      const given =
        call.body.length === 0 ? {} : readXml(call.body, 'CreateBucketConfiguration', createConfiguration)
      checkName(bucketName)
      const location = given.LocationConstraint
      if (region === 'us-east-1' ? location !== undefined && location !== region : location !== region)
        throw new Refusal(
          'IllegalLocationConstraintException',
          `The ${location ?? 'unspecified'} location constraint is incompatible for the region specific endpoint this request was sent to.`,
        )
      const there = world.services.buckets.get(bucketName)
      if (there?.region === 'us-east-1' && region === 'us-east-1')
        return empty(200, { location: `/${bucketName}` })
      if (there)
        throw new Refusal(
          'BucketAlreadyOwnedByYou',
          'Your previous request to create the named bucket succeeded and you already own it.',
        )
      if (takenNames.has(bucketName))
        throw new Refusal(
          'BucketAlreadyExists',
          'The requested bucket name is not available. The bucket namespace is shared by all users of the system.',
        )
      const tags = new Map<string, string>()
      addTags(tags, given.Tags?.Tag ?? [])
      world.services.buckets.set(bucketName, newBucket(bucketName, region, new Date(world.clock.now()), tags))
      world.regions.get(region)?.visible.add(bucketName)
      return empty(200, { location: `/${bucketName}` })
    },
  },

  DeleteBucket: {
    method: 'DELETE',
    on: 'bucket',
    run(call) {
      const bucket = bucketOf(call)
      if ([...bucket.versions.values()].some((versions) => versions.length > 0))
        throw new Refusal('BucketNotEmpty', 'The bucket you tried to delete is not empty')
      call.world.services.buckets.delete(bucket.name)
      return empty(204)
    },
  },

  GetBucketLocation: {
    method: 'GET',
    on: 'bucket',
    sub: 'location',
    run(call) {
      const { region } = bucketOf(call)
      return xmlReply('LocationConstraint', region === 'us-east-1' ? {} : { LocationConstraint: region })
    },
  },

  GetBucketTagging: {
    method: 'GET',
    on: 'bucket',
    sub: 'tagging',
    run(call) {
      const { tags } = bucketOf(call)
      if (tags.size === 0) throw new Refusal('NoSuchTagSet', 'The TagSet does not exist')
      return xmlReply('Tagging', { TagSet: { Tag: [...tags].map(([Key, Value]) => ({ Key, Value })) } })
    },
  },

  PutBucketTagging: {
    method: 'PUT',
    on: 'bucket',
    sub: 'tagging',
    run(call) {
      const bucket = bucketOf(call)
      const { TagSet } = readXml(call.body, 'Tagging', element({ TagSet: one(tagSet) }))
      const tags = new Map<string, string>()
      addTags(tags, TagSet.Tag ?? [])
      bucket.tags = tags
      return empty(204)
    },
  },
}

/** Where a listing goes on: behind the name in a token that this cloud gave for the same listing. */
export function afterToken(
  plain: string | undefined,
  listing: string,
  query: ReadonlyMap<string, string>,
): string {
  if (!query.has('continuation-token')) return ''
  if (!plain?.endsWith(`|${listing}`))
    throw new Refusal('InvalidArgument', 'The continuation token provided is incorrect')
  return plain.slice(0, -listing.length - 1)
}

/** Names that belong to other accounts. */
export const takenNames: ReadonlySet<string> = new Set(['taken-by-somebody-else', 'test', 'data'])

export const ownerId = '75aa57f09aa0c8caeab4f8c24e99d10f8e7faeebf76c078efc7c6caea54ba06a'

/** New buckets are encrypted, and blocked for the public, since 2023. */
const newBucket = (name: string, region: string, createdAt: Date, tags: Map<string, string>): Bucket => ({
  name,
  region,
  createdAt,
  tags,
  settings: new Map([
    [
      'encryption',
      '<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>AES256</SSEAlgorithm></ApplyServerSideEncryptionByDefault><BucketKeyEnabled>false</BucketKeyEnabled></Rule></ServerSideEncryptionConfiguration>',
    ],
    [
      'publicAccessBlock',
      '<PublicAccessBlockConfiguration><BlockPublicAcls>true</BlockPublicAcls><IgnorePublicAcls>true</IgnorePublicAcls><BlockPublicPolicy>true</BlockPublicPolicy><RestrictPublicBuckets>true</RestrictPublicBuckets></PublicAccessBlockConfiguration>',
    ],
  ]),
  versions: new Map(),
  uploads: new Map(),
})

/** "General purpose bucket naming rules". */
function checkName(name: string): void {
  const fine =
    /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(name) &&
    !/\.\./.test(name) &&
    !/^\d+\.\d+\.\d+\.\d+$/.test(name)
  if (!fine) throw new Refusal('InvalidBucketName', 'The specified bucket is not valid.')
}
