import type { Tags } from '#test/clouds/azure/estate.ts'
import { flag, list, object, oneOf, reference, tags, text, whole } from '#test/clouds/azure/schema.ts'

/** The body of a managed disk, as far as this cloud goes; what it does not know it refuses rather than ignores. */

const creationData = object(
  'CreationData',
  {
    createOption: oneOf('Empty', 'Upload', 'Copy', 'FromImage', 'Import', 'Restore', 'Attach'),
    uploadSizeBytes: whole(20_972_032, 35_183_298_347_520),
    sourceResourceId: text,
    imageReference: reference,
    galleryImageReference: reference,
    sourceUri: text,
    storageAccountId: text,
    logicalSectorSize: whole(512, 4096),
    performancePlus: flag,
  },
  ['createOption'],
)

export const capabilities = object('SupportedCapabilities', {
  architecture: oneOf('x64', 'Arm64'),
  acceleratedNetwork: flag,
  diskControllerTypes: text,
  supportedSecurityOption: text,
})

const encryption = object('Encryption', {
  type: oneOf(
    'EncryptionAtRestWithPlatformKey',
    'EncryptionAtRestWithCustomerKey',
    'EncryptionAtRestWithPlatformAndCustomerKeys',
  ),
  diskEncryptionSetId: text,
})

export const diskSku = object('DiskSku', {
  name: oneOf(
    'Standard_LRS',
    'StandardSSD_LRS',
    'Premium_LRS',
    'PremiumV2_LRS',
    'UltraSSD_LRS',
    'Premium_ZRS',
    'StandardSSD_ZRS',
  ),
})

export const diskBody = object(
  'Disk',
  {
    location: text,
    tags,
    zones: list(oneOf('1', '2', '3')),
    sku: diskSku,
    properties: object(
      'DiskProperties',
      {
        osType: oneOf('Linux', 'Windows'),
        hyperVGeneration: oneOf('V1', 'V2'),
        supportedCapabilities: capabilities,
        creationData,
        diskSizeGB: whole(1, 65_536),
        encryption,
        supportsHibernation: flag,
        networkAccessPolicy: oneOf('AllowAll', 'AllowPrivate', 'DenyAll'),
        publicNetworkAccess: oneOf('Enabled', 'Disabled'),
      },
      ['creationData'],
    ),
  },
  ['location', 'properties'],
)

export interface DiskBody {
  tags?: Tags
  zones?: string[]
  sku?: { name: string }
  properties: {
    osType?: string
    hyperVGeneration?: 'V1' | 'V2'
    supportedCapabilities?: { architecture?: 'x64' | 'Arm64' }
    creationData: {
      createOption: string
      uploadSizeBytes?: number
      sourceResourceId?: string
      galleryImageReference?: { id: string }
    }
    diskSizeGB?: number
    encryption?: { diskEncryptionSetId?: string }
  }
}
