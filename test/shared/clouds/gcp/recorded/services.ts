import { buffer } from 'node:stream/consumers'
import { observedCases } from '#test/shared/clouds/gcp/recorded/observed.ts'
import type { RecordedCase } from '#test/shared/clouds/recorded.ts'

const docs = 'https://cloud.google.com'
const region = 'europe-west1'
const bucket = { region, id: 'my-bucket' }
const text = async (body: AsyncIterable<Uint8Array>) => (await buffer(body)).toString()

/** Responses of storage and images, and of all that is only looked at. */
export const serviceCases: RecordedCase[] = [
  {
    title: 'a bucket that everybody may read, with a key of the user and rules by prefix',
    source: `${docs}/storage/docs/json_api/v1/buckets#resource`,
    replies: ['storage-bucket.json', 'storage-policy-public.json'],
    call: (cloud) => cloud.storage.buckets.get(bucket),
    gives: {
      ...bucket,
      name: 'my-bucket',
      encrypted: true,
      keyId: 'projects/my-project/locations/europe-west1/keyRings/ring/cryptoKeys/key',
      versioning: true,
      access: 'public',
      lifecycle: [
        { id: 'rule-0', prefix: 'logs/', expireAfterDays: 365, coolAfterDays: 30 },
        { id: 'rule-1', prefix: 'tmp/', expireAfterDays: 365 },
      ],
      tags: { team: 'ledger', Owner: 'Ann B.' },
      createdAt: new Date('2024-03-05T10:11:12.345Z'),
    },
  },
  {
    title: 'objects on two pages, one of them composed',
    source: `${docs}/storage/docs/json_api/v1/objects/list`,
    replies: [
      { file: 'storage-objects-page-1.json' },
      { file: 'storage-objects-page-2.json', to: 'pageToken=CgtmaXJzdC50eHQ%3D' },
    ],
    call: (cloud) => Array.fromAsync(cloud.storage.objects.list(bucket, { prefix: 'reports/' })),
    gives: [
      {
        key: 'reports/first.txt',
        sizeBytes: 11,
        modifiedAt: new Date('2024-03-05T10:11:12.345Z'),
        checksum: 'md5:5eb63bbbe01eeed093cb22bb8f5acdc3',
      },
      {
        key: 'reports/whole.bin',
        sizeBytes: 5_368_709_120,
        modifiedAt: new Date('2024-03-06T00:00:00Z'),
        checksum: 'crc32c:afb917ca',
      },
    ],
  },
  {
    title: 'the bytes of an object, which have its checksum',
    source: `${docs}/storage/docs/xml-api/reference-headers#xgooghash`,
    replies: ['storage-object-media.http'],
    call: (cloud) => text(cloud.storage.objects.read(bucket, { key: 'reports/first.txt' })),
    gives: 'hello world',
  },
  {
    title: 'bytes that do not have the checksum that came with them',
    source: `${docs}/storage/docs/data-validation`,
    replies: ['storage-object-damaged.http'],
    call: (cloud) => text(cloud.storage.objects.read(bucket, { key: 'reports/first.txt' })),
    throws: { code: 'integrity', retryable: true },
  },
  {
    title: 'an object that is not there, told in plain text',
    source: `${docs}/storage/docs/json_api/v1/status-codes#404-not-found`,
    replies: ['storage-error-media-missing.http'],
    call: (cloud) => text(cloud.storage.objects.read(bucket, { key: 'reports/gone.txt' })),
    throws: {
      code: 'not_found',
      kind: 'permanent',
      requestId: 'ABPtcPrDgJgz',
      operation: 'storage.objects.get',
    },
  },
  {
    title: 'deleting an object that is not there is fine',
    source: `${docs}/storage/docs/json_api/v1/status-codes#404-not-found`,
    replies: ['storage-error-object-missing.http'],
    call: (cloud) => cloud.storage.objects.delete(bucket, 'reports/gone.txt'),
    gives: undefined,
  },
  {
    title: 'the name of a bucket that somebody else has',
    source: `${docs}/storage/docs/json_api/v1/status-codes#409-conflict`,
    replies: ['storage-error-name-taken.http', 'storage-error-bucket-forbidden.http'],
    call: (cloud) =>
      cloud.storage.buckets.create({
        token: '0198f6d2-0000-7000-8000-000000000001',
        tags: { 'novacron-tenant': 'acme', 'novacron-job': 'job_1', 'novacron-step': 'make' },
        region,
        name: 'backup',
        versioning: false,
        lifecycle: [],
      }),
    throws: {
      code: 'conflict',
      kind: 'permanent',
      vendorCode: 'conflict',
      operation: 'storage.buckets.insert',
    },
  },
  {
    title: 'a bucket that holds objects',
    source: `${docs}/storage/docs/json_api/v1/status-codes#409-conflict`,
    replies: ['storage-error-not-empty.http'],
    call: (cloud) => cloud.storage.buckets.delete(bucket, { withObjects: false }),
    throws: { code: 'conflict', retryable: false, operation: 'storage.buckets.delete' },
  },
  {
    title: 'buckets made and deleted too fast',
    source: `${docs}/storage/docs/json_api/v1/status-codes#429-too-many-requests`,
    replies: ['storage-error-rate.http'],
    call: (cloud) => cloud.storage.buckets.delete(bucket, { withObjects: false }),
    throws: { code: 'throttled', kind: 'throttled', vendorCode: 'rateLimitExceeded' },
  },
  {
    title: 'a disk with a key of the user, attached',
    source: `${docs}/compute/docs/reference/rest/v1/disks#Disk`,
    replies: ['disk.json'],
    call: (cloud) => cloud.storage.volumes.get({ region, id: 'zones/europe-west1-b/disks/disk-1' }),
    gives: {
      region,
      id: 'zones/europe-west1-b/disks/disk-1',
      name: 'disk-1',
      zone: 'europe-west1-b',
      sizeBytes: 200 * 2 ** 30,
      state: 'in_use',
      type: 'premium',
      vendorType: 'pd-ssd',
      encrypted: true,
      keyId: 'projects/my-project/locations/europe-west1/keyRings/ring/cryptoKeys/key',
      vm: 'zones/europe-west1-b/instances/vm-1',
      device: 'disk-1',
      tags: { env: 'prod' },
      createdAt: new Date('2024-05-06T14:08:09.123Z'),
    },
  },
  {
    title: 'disks of all zones, with empty ones and one of a whole region',
    source: `${docs}/compute/docs/reference/rest/v1/disks/aggregatedList`,
    replies: ['disks-aggregated.json'],
    call: async (cloud) =>
      (await Array.fromAsync(cloud.storage.volumes.list({ region }))).map(
        ({ id, name, state, type, tags }) => ({ id, name, state, type, tags }),
      ),
    gives: [
      {
        id: 'zones/europe-west1-c/disks/data',
        name: 'Ledger data',
        state: 'creating',
        type: 'ssd',
        tags: { Owner: 'Ann B.' },
      },
      {
        id: 'regions/europe-west1/disks/both-zones',
        name: 'both-zones',
        state: 'available',
        type: 'standard',
        tags: {},
      },
    ],
  },
  {
    title: 'an image that every account may use',
    source: `${docs}/compute/docs/reference/rest/v1/images#Image`,
    replies: ['image.json', 'image-policy.json'],
    call: (cloud) => cloud.images.get({ region, id: 'global/images/golden-v3' }),
    gives: {
      region,
      id: 'global/images/golden-v3',
      name: 'golden-v3',
      state: 'ready',
      architecture: 'arm64',
      firmware: 'uefi',
      sizeBytes: 10 * 2 ** 30,
      public: true,
      tags: { team: 'platform' },
      createdAt: new Date('2024-02-03T12:05:06.789Z'),
    },
  },
  {
    title: 'an import that has succeeded',
    source: `${docs}/build/docs/api/reference/rest/v1/projects.builds#Build`,
    replies: ['build-success.json'],
    call: (cloud) => cloud.images.taskState({ region, id: 'builds/9d2a3b4c-0001-4d5e-8f90-123456789abc' }),
    gives: {
      state: 'ready',
      progressPercent: 100,
      message: 'SUCCESS',
      image: { region, id: 'global/images/nc-imported' },
    },
  },
  {
    title: 'an export that has failed',
    source: `${docs}/build/docs/api/reference/rest/v1/projects.builds#FailureInfo`,
    replies: ['build-failure.json'],
    call: (cloud) => cloud.images.taskState({ region, id: 'builds/9d2a3b4c-0002-4d5e-8f90-123456789abc' }),
    gives: {
      state: 'failed',
      message:
        'FAILURE: Build step failure: build step 0 "gcr.io/compute-image-tools/gce_vm_image_export:release" failed: step exited with non-zero status: 1',
    },
  },
  {
    title: 'a build that nobody started',
    source: `${docs}/build/docs/api/reference/rest/v1/projects.builds/get`,
    replies: ['build-error-missing.http'],
    call: (cloud) => cloud.images.taskState({ region, id: 'builds/9d2a3b4c-0003-4d5e-8f90-123456789abc' }),
    gives: undefined,
  },
  ...observedCases,
]
