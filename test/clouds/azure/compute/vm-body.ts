import {
  base64,
  flag,
  list,
  number,
  object,
  oneOf,
  reference,
  tags,
  text,
  whole,
} from '#test/clouds/azure/schema.ts'
import type { Tags } from '#test/clouds/azure/estate.ts'

/** The body of a VM, as far as this cloud goes; what it does not know it refuses rather than ignores. */

const managedDisk = object('ManagedDiskParameters', {
  id: text,
  diskEncryptionSet: reference,
  storageAccountType: oneOf(
    'Standard_LRS',
    'StandardSSD_LRS',
    'Premium_LRS',
    'PremiumV2_LRS',
    'Premium_ZRS',
    'StandardSSD_ZRS',
  ),
})
const caching = oneOf('None', 'ReadOnly', 'ReadWrite')
const deleteOption = oneOf('Delete', 'Detach')

const storageProfile = object('StorageProfile', {
  imageReference: object('ImageReference', {
    id: text,
    publisher: text,
    offer: text,
    sku: text,
    version: text,
    exactVersion: text,
  }),
  osDisk: object(
    'OSDisk',
    {
      name: text,
      createOption: oneOf('FromImage', 'Attach', 'Empty', 'Restore'),
      osType: oneOf('Linux', 'Windows'),
      caching,
      managedDisk,
      diskSizeGB: whole(1, 4095),
      deleteOption,
      writeAcceleratorEnabled: flag,
    },
    ['createOption'],
  ),
  dataDisks: list(
    object(
      'DataDisk',
      {
        lun: whole(0, 63),
        name: text,
        createOption: oneOf('Attach', 'Empty'),
        caching,
        managedDisk,
        diskSizeGB: whole(1, 65_536),
        deleteOption,
        toBeDetached: flag,
      },
      ['lun', 'createOption'],
    ),
  ),
  diskControllerType: oneOf('SCSI', 'NVMe'),
})

const networkProfile = object('NetworkProfile', {
  networkInterfaces: list(
    object(
      'NetworkInterfaceReference',
      {
        id: text,
        primary: flag,
        deleteOption,
        properties: object('NetworkInterfaceReferenceProperties', { primary: flag, deleteOption }),
      },
      ['id'],
    ),
  ),
})

const osProfile = object(
  'OSProfile',
  {
    computerName: text,
    adminUsername: text,
    adminPassword: text,
    customData: base64,
    allowExtensionOperations: flag,
    linuxConfiguration: object('LinuxConfiguration', {
      disablePasswordAuthentication: flag,
      provisionVMAgent: flag,
      ssh: object('SshConfiguration', {
        publicKeys: list(object('SshPublicKey', { path: text, keyData: text })),
      }),
    }),
  },
  ['computerName', 'adminUsername'],
)

const properties = {
  hardwareProfile: object('HardwareProfile', { vmSize: text }, ['vmSize']),
  storageProfile,
  networkProfile,
  osProfile,
  userData: base64,
  diagnosticsProfile: object('DiagnosticsProfile', {
    bootDiagnostics: object('BootDiagnostics', { enabled: flag, storageUri: text }),
  }),
  securityProfile: object('SecurityProfile', {
    securityType: oneOf('Standard', 'TrustedLaunch', 'ConfidentialVM'),
    encryptionAtHost: flag,
  }),
  priority: oneOf('Regular', 'Spot', 'Low'),
  evictionPolicy: oneOf('Deallocate', 'Delete'),
  billingProfile: object('BillingProfile', { maxPrice: number }),
  additionalCapabilities: object('AdditionalCapabilities', {
    ultraSSDEnabled: flag,
    hibernationEnabled: flag,
  }),
  proximityPlacementGroup: reference,
  licenseType: text,
  availabilitySet: reference,
}

export const vmBody = object(
  'VirtualMachine',
  {
    location: text,
    tags,
    zones: list(oneOf('1', '2', '3')),
    properties: object('VirtualMachineProperties', properties, [
      'hardwareProfile',
      'storageProfile',
      'networkProfile',
    ]),
  },
  ['location', 'properties'],
)

export const vmUpdate = object('VirtualMachineUpdate', {
  tags,
  properties: object('VirtualMachineProperties', properties),
})

export interface DiskReference {
  name?: string
  createOption: string
  managedDisk?: { id?: string; storageAccountType?: string; diskEncryptionSet?: { id: string } }
  diskSizeGB?: number
  deleteOption?: string
}

export interface NicReference {
  id: string
  properties?: { primary?: boolean; deleteOption?: string }
}

export interface VmBody {
  tags?: Tags
  zones?: string[]
  properties: {
    hardwareProfile: { vmSize: string }
    storageProfile: {
      imageReference?: { id?: string; publisher?: string; offer?: string; sku?: string; version?: string }
      osDisk?: DiskReference
      dataDisks?: (DiskReference & { lun: number })[]
    }
    networkProfile: { networkInterfaces?: NicReference[] }
    osProfile?: {
      computerName: string
      adminUsername: string
      adminPassword?: string
      customData?: string
      linuxConfiguration?: {
        disablePasswordAuthentication?: boolean
        ssh?: { publicKeys?: { keyData?: string }[] }
      }
    }
    priority?: string
    evictionPolicy?: string
    billingProfile?: { maxPrice?: number }
    additionalCapabilities?: { hibernationEnabled?: boolean }
    proximityPlacementGroup?: { id: string }
    diagnosticsProfile?: { bootDiagnostics?: { enabled?: boolean } }
    userData?: string
  }
}
