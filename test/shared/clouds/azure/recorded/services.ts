import { expect } from 'vitest'
import { at, computeAt } from '#test/shared/clouds/azure/recorded/places.ts'
import { observedCases } from '#test/shared/clouds/azure/recorded/observed.ts'
import type { RecordedCase } from '#test/shared/clouds/recorded.ts'

const docs = 'https://learn.microsoft.com/rest/api'
const bucket = at('sto8596/container16')
const version = at(computeAt('galleries/myGalleryName/images/myGalleryImageName/versions/1.0.0'))

/** Responses of storage and images, and of all that is only looked at. */
export const serviceCases: RecordedCase[] = [
  {
    title: 'a container that everybody may read, in an account with a key of the user',
    source: `${docs}/storagerp/storage-accounts/get-properties`,
    replies: [
      { file: 'storage-account-get.json', to: '/storageAccounts/sto8596?' },
      { file: 'blob-container-get.json', to: '/containers/container16' },
      { file: 'blob-service-get.json', to: '/blobServices/default?' },
      { file: 'management-policy-get.json', to: '/managementPolicies/default' },
    ],
    call: (cloud) => cloud.storage.buckets.get(bucket),
    gives: {
      ...bucket,
      name: 'sto8596/container16',
      encrypted: true,
      keyId: 'https://myvault8569.vault.azure.net/keys/wrappingKey',
      versioning: true,
      access: 'public',
      lifecycle: [
        {
          id: 'olcmtest',
          prefix: 'logs',
          coolAfterDays: 30,
          archiveAfterDays: 90,
          expireAfterDays: 1000,
        },
        { id: 'wholeAccount', prefix: '', expireAfterDays: 3650 },
      ],
      tags: { key1: 'value1', key2: 'value2' },
      createdAt: new Date('2017-06-01T02:42:41.763Z'),
    },
  },
  {
    title: 'blobs of two kinds, one with versions',
    source: `${docs}/storageservices/list-blobs`,
    replies: ['blobs-list.http'],
    call: (cloud) => Array.fromAsync(cloud.storage.objects.list(bucket, { prefix: 'logs/' })),
    gives: [
      {
        key: 'logs/2009 report & notes.txt',
        sizeBytes: 100,
        modifiedAt: new Date('2024-05-01T09:00:00Z'),
        checksum: 'md5:b10a8db164e0754105b7a99be72e3fe5',
      },
      { key: 'logs/disk.vhd', sizeBytes: 5_368_709_632, modifiedAt: new Date('2024-05-02T10:30:00Z') },
    ],
  },
  {
    title: 'a blob that is not there, of which only headers tell',
    source: `${docs}/storageservices/blob-service-error-codes`,
    replies: ['error-blob-not-found.http'],
    call: (cloud) => Array.fromAsync(cloud.storage.objects.read(bucket, { key: 'none' })),
    throws: {
      code: 'not_found',
      kind: 'permanent',
      vendorCode: 'BlobNotFound',
      requestId: 'a3f1f0a8-101e-0076-3a2b-9b2f6f000000',
    },
  },
  {
    title: 'an application without a role on data, and which role it needs',
    source: `${docs}/storageservices/authorize-with-azure-active-directory`,
    replies: ['error-blob-role.http'],
    call: (cloud) => Array.fromAsync(cloud.storage.objects.list(bucket, { prefix: '' })),
    throws: {
      code: 'forbidden',
      vendorCode: 'AuthorizationPermissionMismatch',
      remedy: expect.stringContaining('Storage Blob Data Contributor') as string,
    },
  },
  {
    title: 'an account whose name somebody else has',
    source: `${docs}/storagerp/storage-accounts/create`,
    replies: [
      { file: 'error-account-missing.http', to: 'GET' },
      { file: 'error-account-taken.http', to: 'PUT' },
    ],
    call: (cloud) =>
      cloud.storage.buckets.create({
        token: '6b0d9a4e-5b61-4a86-9a1e-0a7f5c7f3f13',
        tags: { 'novacron-tenant': 't', 'novacron-job': 'j', 'novacron-step': 's' },
        region: 'westus',
        name: 'backups',
        versioning: false,
        lifecycle: [],
      }),
    throws: {
      code: 'conflict',
      kind: 'permanent',
      vendorCode: 'StorageAccountAlreadyTaken',
      remedy: expect.stringContaining('another name') as string,
    },
  },
  {
    title: 'an image in a gallery that is replicated to several regions',
    source: `${docs}/compute/gallery-image-versions/get`,
    replies: [
      { file: 'gallery-image-version-get.json', to: '/versions/1.0.0' },
      { file: 'gallery-image-get.json', to: '/images/myGalleryImageName?' },
    ],
    call: (cloud) => cloud.images.get(version),
    gives: {
      ...version,
      name: 'myGalleryImageName',
      state: 'ready',
      architecture: 'arm64',
      firmware: 'uefi',
      sizeBytes: 10 * 2 ** 30,
      public: false,
      tags: { department: 'research' },
      createdAt: new Date('2018-01-01T00:00:00Z'),
    },
  },
  {
    title: 'an import on its way',
    source: `${docs}/compute/gallery-image-versions/get`,
    replies: ['gallery-image-version-replicating.json'],
    call: (cloud) => cloud.images.taskState(version),
    gives: { state: 'pending', progressPercent: 58 },
  },
  {
    title: 'a managed image, whose group Azure spells in capitals',
    source: `${docs}/compute/images/get`,
    replies: ['managed-image-get.json'],
    call: (cloud) => cloud.images.get(at(computeAt('images/myImage'))),
    gives: {
      ...at(computeAt('images/myImage')),
      name: 'myImage',
      state: 'ready',
      architecture: 'x86_64',
      firmware: 'bios',
      sizeBytes: 20 * 2 ** 30,
      public: false,
      tags: {},
    },
  },
  ...observedCases,
]
