import { entry, inGroup, type Entry } from '#test/clouds/azure/entry.ts'
import * as galleries from '#test/clouds/azure/images/galleries.ts'
import * as versions from '#test/clouds/azure/images/versions.ts'
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
]
