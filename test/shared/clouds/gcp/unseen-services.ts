import type { Operation } from '#shared/clouds/operations.ts'

/** Declared calls that the conformance suite does not provoke, each with the reason. */
export const unseenServiceCalls: Readonly<Partial<Record<Operation, Readonly<Record<string, string>>>>> = {
  'images.importFile': {
    'compute.images.insert': 'only for a .tar.gz with disk.raw; see the tests of images',
  },
  'images.taskState': {
    'compute.globalOperations.get': 'only for a .tar.gz with disk.raw; see the tests of images',
    'compute.images.get': 'only for a .tar.gz that was imported more than an hour ago',
    'compute.images.getIamPolicy': 'only for a .tar.gz that was imported more than an hour ago',
  },
  'posture.inventory': {
    'compute.images.getIamPolicy': 'only where the project has images; see the tests of posture',
  },
  'storage.buckets.list': {
    'storage.buckets.getIamPolicy':
      'only for a bucket whose public access is not prevented; see the tests of buckets',
  },
  'storage.objects.write': {
    'storage.objects.delete': 'only for an object that arrived damaged',
  },
}
