import type { Subject } from '#test/shared/clouds/conformance.ts'

const groupIsThere = {
  ResourceGroups_CreateOrUpdate: 'only the first thing that is made in a subscription makes the group',
}
const managed = 'only for managed images, which NovaCron does not make'
const elsewhere = { StorageAccounts_List: 'only for accounts in other resource groups' }
const foreign = { BlobContainers_Delete: 'only for containers in accounts that others made' }

/** Calls of the services that the conformance suite does not provoke; tests of their own do, where nothing else is said. */
export const unseenServices: Subject['dialect']['unseen'] = {
  'images.get': { Images_Get: managed },
  'images.createFromVm': groupIsThere,
  'images.importFile': {
    ...groupIsThere,
    ...elsewhere,
    Galleries_CreateOrUpdate: 'only the first image of a region makes its gallery',
  },
  'images.exportFile': { ...groupIsThere, ...elsewhere },
  'images.delete': { Images_Delete: managed },
  'storage.buckets.create': groupIsThere,
  'storage.buckets.setLifecycle': elsewhere,
  'storage.buckets.delete': foreign,
  'posture.inventory': {
    GalleryImageVersions_ListByGalleryImage: 'only where there are images, and the suite has deleted its own',
  },
  'inventory.remove': {
    ...foreign,
    Images_Delete: managed,
    Container_ListBlobFlatSegment: 'only for a bucket that is to be deleted empty',
  },
}
