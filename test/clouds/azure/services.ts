import { entry, inGroup, type Entry } from '#test/clouds/azure/entry.ts'
import type { ArmHandler } from '#test/clouds/azure/context.ts'
import { json } from '#test/clouds/azure/replies.ts'
import * as galleries from '#test/clouds/azure/images/galleries.ts'
import * as versions from '#test/clouds/azure/images/versions.ts'
import { queryCosts } from '#test/clouds/azure/observation/costs.ts'
import { listMetrics } from '#test/clouds/azure/observation/metrics.ts'
import * as settings from '#test/clouds/azure/observation/settings.ts'
import * as usages from '#test/clouds/azure/observation/usages.ts'
import * as accounts from '#test/clouds/azure/storage/accounts.ts'
import * as containers from '#test/clouds/azure/storage/containers.ts'
import * as policies from '#test/clouds/azure/storage/policies.ts'

const storage = '2026-09-01'
const galleryApi = '2025-12-03'
const gallery = `${inGroup(galleries.galleryType)}/{name}`
const definition = `${gallery}/images/{image}`
const version = `${definition}/versions/{version}`
const inAccount = `${inGroup(accounts.accountType)}/{account}`
const service = `${inAccount}/blobServices/default`
const container = `${service}/containers/{container}`
const policy = `${inAccount}/managementPolicies/{policy}`

const networking = '2026-01-01'
const watcher = `${inGroup('Microsoft.Network/networkWatchers')}/{name}`
const locks = '/providers/Microsoft.Authorization/locks'
const serialConsole = '/providers/Microsoft.SerialConsole/consoleServices/default'
const diagnostics = '/{+scope}/providers/Microsoft.Insights/diagnosticSettings'

/** Managed images are not made here. */
const noImages: ArmHandler = () => json(200, { value: [] })

/** Operations of the services beside machines: storage, images, and everything that is only looked at. */
export const services: Entry[] = [
  entry('StorageAccounts_Create', 'PUT', inAccount, storage, accounts.putAccount),
  entry('StorageAccounts_GetProperties', 'GET', inAccount, storage, accounts.getAccount),
  entry('StorageAccounts_Delete', 'DELETE', inAccount, storage, accounts.deleteAccount),
  entry('StorageAccounts_List', 'GET', `/providers/${accounts.accountType}`, storage, accounts.listAccounts),
  entry(
    'StorageAccounts_ListByResourceGroup',
    'GET',
    inGroup(accounts.accountType),
    storage,
    accounts.listAccounts,
  ),
  entry('BlobServices_SetServiceProperties', 'PUT', service, storage, containers.putService),
  entry('BlobServices_GetServiceProperties', 'GET', service, storage, containers.getService),
  entry('BlobContainers_List', 'GET', `${service}/containers`, storage, containers.listContainers),
  entry('BlobContainers_Create', 'PUT', container, storage, containers.putContainer),
  entry('BlobContainers_Get', 'GET', container, storage, containers.getContainer),
  entry('BlobContainers_Delete', 'DELETE', container, storage, containers.deleteContainer),
  entry('ManagementPolicies_CreateOrUpdate', 'PUT', policy, storage, policies.putPolicy),
  entry('ManagementPolicies_Get', 'GET', policy, storage, policies.getPolicy),
  entry('ManagementPolicies_Delete', 'DELETE', policy, storage, policies.deletePolicy),

  entry('Galleries_CreateOrUpdate', 'PUT', gallery, galleryApi, galleries.putGallery),
  entry('Galleries_Get', 'GET', gallery, galleryApi, galleries.getGallery),
  entry(
    'Galleries_ListByResourceGroup',
    'GET',
    inGroup(galleries.galleryType),
    galleryApi,
    galleries.listGalleries,
  ),
  entry('Galleries_List', 'GET', `/providers/${galleries.galleryType}`, galleryApi, galleries.listGalleries),
  entry('GalleryImages_CreateOrUpdate', 'PUT', definition, galleryApi, galleries.putDefinition),
  entry('GalleryImages_Get', 'GET', definition, galleryApi, galleries.getDefinition),
  entry('GalleryImages_Delete', 'DELETE', definition, galleryApi, galleries.deleteDefinition),
  entry('GalleryImages_ListByGallery', 'GET', `${gallery}/images`, galleryApi, galleries.listDefinitions),
  entry('GalleryImageVersions_CreateOrUpdate', 'PUT', version, galleryApi, versions.putVersion),
  entry('GalleryImageVersions_Get', 'GET', version, galleryApi, versions.getVersion),
  entry('GalleryImageVersions_Delete', 'DELETE', version, galleryApi, versions.deleteVersion),
  entry(
    'GalleryImageVersions_ListByGalleryImage',
    'GET',
    `${definition}/versions`,
    galleryApi,
    versions.listVersions,
  ),

  entry('Images_List', 'GET', '/providers/Microsoft.Compute/images', '2026-04-01', noImages),

  entry(
    'Usage_List',
    'GET',
    '/providers/Microsoft.Compute/locations/{region}/usages',
    '2026-04-01',
    usages.computeUsages,
  ),
  entry(
    'Usages_List',
    'GET',
    '/providers/Microsoft.Network/locations/{region}/usages',
    networking,
    usages.networkUsages,
  ),
  entry(
    'Usages_ListByLocation',
    'GET',
    '/providers/Microsoft.Storage/locations/{region}/usages',
    storage,
    usages.storageUsages,
  ),
  entry(
    'Metrics_List',
    'GET',
    `${inGroup('Microsoft.Compute/virtualMachines')}/{name}/providers/Microsoft.Insights/metrics`,
    '2024-02-01',
    listMetrics,
  ),
  entry('Query_Usage', 'POST', '/providers/Microsoft.CostManagement/query', '2025-03-01', queryCosts),
  entry(
    'NetworkWatchers_ListAll',
    'GET',
    '/providers/Microsoft.Network/networkWatchers',
    networking,
    settings.listWatchers,
  ),
  entry('FlowLogs_List', 'GET', `${watcher}/flowLogs`, networking, settings.listFlowLogs),
  entry('FlowLogs_CreateOrUpdate', 'PUT', `${watcher}/flowLogs/{log}`, networking, settings.putFlowLog),
  entry('ManagementLocks_ListAtSubscriptionLevel', 'GET', locks, '2020-05-01', settings.listLocks),
  entry(
    'ManagementLocks_CreateOrUpdateByScope',
    'PUT',
    `/{+scope}${locks}/{lock}`,
    '2020-05-01',
    settings.putLock,
  ),
  entry('DiagnosticSettings_List', 'GET', diagnostics, '2021-05-01-preview', settings.listDiagnostics),
  entry(
    'DiagnosticSettings_CreateOrUpdate',
    'PUT',
    `${diagnostics}/{setting}`,
    '2021-05-01-preview',
    settings.putDiagnostics,
  ),
  entry('Console_GetStatus', 'GET', serialConsole, '2018-05-01', settings.getConsole),
  entry(
    'Console_DisableConsole',
    'POST',
    `${serialConsole}/disableConsole`,
    '2018-05-01',
    settings.disableConsole,
  ),
]
