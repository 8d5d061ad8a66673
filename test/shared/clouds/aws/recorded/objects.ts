import type { RecordedCase } from '#test/shared/clouds/recorded.ts'

const region = 'eu-west-1'
const api = 'https://docs.aws.amazon.com/AmazonS3/latest/API'
const bucket = { region, id: 'amzn-s3-demo-bucket' }

/** Responses of S3. */
export const objectCases: RecordedCase[] = [
  {
    title: 'a bucket with a key of its own, versions and old rules, which an access list opens to everybody',
    source: `${api}/API_GetBucketLifecycleConfiguration.html#API_GetBucketLifecycleConfiguration_Examples`,
    replies: [
      { file: 'list-buckets.xml', to: 'x-id=ListBuckets' },
      { file: 'get-bucket-tagging.xml', to: '?tagging' },
      { file: 'get-bucket-encryption.xml', to: '?encryption' },
      { file: 'get-bucket-versioning.xml', to: '?versioning' },
      { file: 's3-error-no-block.http', to: '?publicAccessBlock' },
      { file: 's3-error-no-policy.http', to: '?policyStatus' },
      { file: 'get-bucket-acl.xml', to: '?acl' },
      { file: 'get-bucket-lifecycle.xml', to: '?lifecycle' },
    ],
    call: (cloud) => cloud.storage.buckets.get(bucket),
    gives: {
      ...bucket,
      name: 'amzn-s3-demo-bucket',
      encrypted: true,
      keyId: 'arn:aws:kms:us-east-1:1234/5678example',
      versioning: true,
      access: 'public',
      lifecycle: [
        {
          id: 'Archive and then delete rule',
          prefix: 'projectdocs/',
          coolAfterDays: 30,
          archiveAfterDays: 365,
          expireAfterDays: 3650,
        },
      ],
      tags: { Project: 'Project One', User: 'jsmith' },
      createdAt: new Date('2019-12-11T23:32:47Z'),
    },
  },
  {
    title: 'a bucket of which next to nothing is set, and that a policy opens',
    source: `${api}/API_GetBucketPolicyStatus.html#API_GetBucketPolicyStatus_Examples`,
    replies: [
      { file: 'list-buckets.xml', to: 'x-id=ListBuckets' },
      { file: 's3-error-no-tags.http', to: '?tagging' },
      { file: 'get-bucket-encryption.xml', to: '?encryption' },
      { file: 'get-bucket-versioning-never.xml', to: '?versioning' },
      { file: 'get-public-access-block.xml', to: '?publicAccessBlock' },
      { file: 'get-bucket-policy-status.xml', to: '?policyStatus' },
      { file: 'get-bucket-acl.xml', to: '?acl' },
      { file: 's3-error-no-lifecycle.http', to: '?lifecycle' },
    ],
    call: (cloud) => cloud.storage.buckets.get({ region, id: 'amzn-s3-demo-bucket2' }),
    gives: {
      region,
      id: 'amzn-s3-demo-bucket2',
      name: 'amzn-s3-demo-bucket2',
      encrypted: true,
      keyId: 'arn:aws:kms:us-east-1:1234/5678example',
      versioning: false,
      access: 'public',
      lifecycle: [],
      tags: {},
      createdAt: new Date('2019-11-10T23:32:13Z'),
    },
  },
  {
    title: 'a bucket of a name that is not among the account’s',
    source: `${api}/API_ListBuckets.html#API_ListBuckets_Examples`,
    replies: ['list-buckets.xml'],
    call: (cloud) => cloud.storage.buckets.get({ region, id: 'amzn-s3-demo' }),
    gives: undefined,
  },
  {
    title: 'a name that somebody else has',
    source: `${api}/ErrorResponses.html`,
    replies: [
      { file: 's3-error-no-bucket.http', to: '?tagging' },
      { file: 's3-error-taken.http', to: 'PUT' },
    ],
    call: (cloud) =>
      cloud.storage.buckets.create({
        token: 'b3b5b7f4-1cf3-4cb8-bd2d-1d7e1ef4a0f3',
        tags: { 'novacron-tenant': 'acme', 'novacron-job': 'job_1', 'novacron-step': 'make' },
        region,
        name: 'amzn-s3-demo-bucket',
        versioning: false,
        lifecycle: [],
      }),
    throws: {
      code: 'conflict',
      kind: 'permanent',
      vendorCode: 'BucketAlreadyExists',
      requestId: '656c76696e6727732072657175657374',
    },
  },
  {
    title: 'a bucket that still holds something',
    source: `${api}/ErrorResponses.html`,
    replies: ['s3-error-not-empty.http'],
    call: (cloud) => cloud.storage.buckets.delete(bucket, { withObjects: false }),
    throws: { code: 'conflict', vendorCode: 'BucketNotEmpty' },
  },
  {
    title: 'objects on two pages',
    source: `${api}/API_ListObjectsV2.html#API_ListObjectsV2_Examples`,
    replies: [
      'list-objects.xml',
      {
        file: 'list-objects-last.xml',
        to: 'continuation-token=1ueGcxLPRx1Tr%2FXYExHnhbYLgveDs2J%2Fwm36Hy4vbOwM%3D',
      },
    ],
    call: (cloud) => Array.fromAsync(cloud.storage.objects.list(bucket, { prefix: '' })),
    gives: [
      { key: 'happyface.jpg', sizeBytes: 11, modifiedAt: new Date('2014-11-21T19:40:05Z') },
      { key: 'my-image.jpg', sizeBytes: 434_234, modifiedAt: new Date('2009-10-12T17:50:30Z') },
    ],
  },
  {
    title: 'an object that is not there',
    source: `${api}/ErrorResponses.html#RESTErrorResponses`,
    replies: ['s3-error-no-key.http'],
    call: (cloud) => Array.fromAsync(cloud.storage.objects.read(bucket, { key: 'my-image.jpg' })),
    throws: { code: 'not_found', kind: 'permanent', vendorCode: 'NoSuchKey' },
  },
  {
    title: 'too many requests to a bucket',
    source: `${api}/ErrorResponses.html`,
    replies: ['s3-error-slow-down.http'],
    call: (cloud) => Array.fromAsync(cloud.storage.objects.list(bucket, { prefix: '' })),
    throws: { code: 'throttled', kind: 'throttled', vendorCode: 'SlowDown' },
  },
]
