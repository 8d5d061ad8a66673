import type { Capabilities, Capability, Operation } from '#shared/clouds/operations.ts'

/** Images, storage of objects, and everything that is only looked at. */
export const serviceOperations = {
  'images.list': {
    calls: [
      'Galleries_List',
      'GalleryImages_ListByGallery',
      'GalleryImageVersions_ListByGalleryImage',
      'Images_List',
    ],
    note: 'Images of Compute Galleries, and managed images.',
  },
  'images.get': { calls: ['GalleryImageVersions_Get', 'GalleryImages_Get', 'Images_Get'] },
  'images.createFromVm': {
    calls: [
      'GalleryImageVersions_CreateOrUpdate',
      'GalleryImageVersions_Get',
      'GalleryImages_CreateOrUpdate',
      'GalleryImages_Get',
      'Galleries_CreateOrUpdate',
      'Galleries_Get',
      'ResourceGroups_CreateOrUpdate',
      'VirtualMachines_Get',
      'Disks_Get',
      'NetworkInterfaces_Get',
    ],
    note: 'A specialised image in a Compute Gallery: it starts as the system that it was, with its users and its host name.',
  },
  'images.importFile': {
    calls: [
      'GalleryImageVersions_CreateOrUpdate',
      'GalleryImageVersions_Get',
      'GalleryImages_CreateOrUpdate',
      'GalleryImages_Get',
      'Galleries_CreateOrUpdate',
      'Galleries_Get',
      'ResourceGroups_CreateOrUpdate',
      'StorageAccounts_GetProperties',
      'StorageAccounts_List',
      'Blob_GetProperties',
    ],
    note: 'A fixed VHD of whole MiB, written with a key that ends in .vhd.',
  },
  'images.exportFile': {
    calls: [
      'Disks_CreateOrUpdate',
      'Disks_Get',
      'StorageAccounts_GetProperties',
      'StorageAccounts_List',
      'BlobContainers_Get',
      'Blob_GetProperties',
      'ResourceGroups_CreateOrUpdate',
    ],
    note: 'To a fixed VHD, through a disk made of the image. Looking at the task takes it further.',
  },
  'images.taskState': {
    calls: [
      'GalleryImageVersions_Get',
      'Blob_GetProperties',
      'Blob_StartCopyFromURL',
      'Disks_Get',
      'Disks_GrantAccess',
      'Disks_RevokeAccess',
      'Disks_Delete',
    ],
  },
  'images.delete': {
    calls: ['GalleryImageVersions_Delete', 'GalleryImages_Get', 'GalleryImages_Delete', 'Images_Delete'],
  },

  'storage.buckets.list': {
    calls: [
      'StorageAccounts_List',
      'BlobContainers_List',
      'BlobServices_GetServiceProperties',
      'ManagementPolicies_Get',
    ],
    note: 'Containers of storage accounts, of all accounts in the region.',
  },
  'storage.buckets.get': {
    calls: [
      'StorageAccounts_GetProperties',
      'StorageAccounts_List',
      'BlobContainers_Get',
      'BlobServices_GetServiceProperties',
      'ManagementPolicies_Get',
    ],
  },
  'storage.buckets.create': {
    calls: [
      'StorageAccounts_Create',
      'StorageAccounts_GetProperties',
      'BlobContainers_Create',
      'BlobServices_SetServiceProperties',
      'ManagementPolicies_Get',
      'ManagementPolicies_CreateOrUpdate',
      'ResourceGroups_CreateOrUpdate',
    ],
    note: 'Each bucket has a storage account of its own, as versioning, lifecycle, keys and public access are the account’s. A key of the user’s needs options.key_identity_id.',
  },
  'storage.buckets.setLifecycle': {
    calls: [
      'StorageAccounts_GetProperties',
      'StorageAccounts_List',
      'ManagementPolicies_Get',
      'ManagementPolicies_CreateOrUpdate',
      'ManagementPolicies_Delete',
    ],
    note: 'Rules act on block blobs, not on VHDs.',
  },
  'storage.buckets.delete': {
    calls: [
      'StorageAccounts_GetProperties',
      'StorageAccounts_List',
      'StorageAccounts_Delete',
      'BlobContainers_List',
      'BlobContainers_Delete',
      'Container_ListBlobFlatSegment',
    ],
  },
  'storage.objects.list': {
    calls: ['Container_ListBlobFlatSegment'],
    note: 'Objects need the role Storage Blob Data Contributor.',
  },
  'storage.objects.write': {
    calls: ['BlockBlob_StageBlock', 'BlockBlob_CommitBlockList', 'PageBlob_Create', 'PageBlob_UploadPages'],
    note: 'Block blobs; VHDs (by their key’s end) as page blobs, which are seen while they are written.',
  },
  'storage.objects.read': { calls: ['Blob_Download', 'Blob_GetProperties'] },
  'storage.objects.delete': { calls: ['Blob_Delete'] },

  'metrics.vm': { calls: ['Metrics_List'], note: 'By the minute, of the last 93 days.' },
  'quotas.list': { calls: ['Usage_List', 'Usages_List', 'Usages_ListByLocation'] },
  'prices.list': {
    calls: ['RetailPrices_List'],
    note: 'Retail prices in US dollars. Disks are priced by steps of size: given is the rate of the step of 128 GiB.',
  },
  'prices.list.spot': { calls: ['RetailPrices_List'] },
  'billing.rows': {
    calls: ['Query_Usage'],
    note: 'By day, resource and meter, billed and amortised. List prices and tags are not told; needs the role Cost Management Reader.',
  },
  'posture.inventory': {
    calls: [
      'VirtualMachines_ListAll',
      'Disks_List',
      'NetworkInterfaces_ListAll',
      'PublicIPAddresses_ListAll',
      'Snapshots_List',
      'StorageAccounts_List',
      'BlobContainers_List',
      'BlobServices_GetServiceProperties',
      'ManagementPolicies_Get',
      'DiagnosticSettings_List',
      'NetworkSecurityGroups_ListAll',
      'VirtualNetworks_ListAll',
      'NetworkWatchers_ListAll',
      'FlowLogs_List',
      'Galleries_List',
      'GalleryImages_ListByGallery',
      'GalleryImageVersions_ListByGalleryImage',
      'Images_List',
      'ManagementLocks_ListAtSubscriptionLevel',
      'Console_GetStatus',
    ],
  },
  'health.probe': { calls: ['Subscriptions_Get'] },
} as const satisfies Partial<Record<Operation, Capability>>

export const azureFeatures = {
  vm_live_migration: {
    lacking:
      'Azure moves running machines between its own hosts only; they cannot be moved into or out of Azure while they run.',
  },
  auto_scaling: { service: 'Virtual Machine Scale Sets' },
  load_balancing: { service: 'Azure Load Balancer' },
  block_storage: { service: 'Azure managed disks' },
  object_storage: { service: 'Azure Blob Storage' },
  container_registry: { service: 'Azure Container Registry' },
  kubernetes: { service: 'Azure Kubernetes Service' },
  spot_instances: { service: 'Azure Spot Virtual Machines' },
  reserved_instances: { service: 'Azure Reserved VM Instances' },
  gpu_compute: { service: 'N-series virtual machines' },
  hpc_compute: { service: 'H-series virtual machines' },
  database_services: { service: 'Azure SQL Database' },
  ml_services: { service: 'Azure Machine Learning' },
  network_acls: { service: 'Network security groups' },
  private_networking: { service: 'Azure Virtual Network' },
  vpn_gateway: { service: 'Azure VPN Gateway' },
  direct_connect: { service: 'Azure ExpressRoute' },
  identity_management: { service: 'Microsoft Entra ID' },
  key_management: { service: 'Azure Key Vault' },
  audit_logging: { service: 'Azure Monitor activity log' },
  backup_services: { service: 'Azure Backup' },
  disaster_recovery: { service: 'Azure Site Recovery' },
} as const satisfies Capabilities['features']
