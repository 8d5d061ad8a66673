import type { Subject } from '#test/shared/clouds/conformance.ts'

const firstOfRegion =
  'only where the region has no staging bucket yet, which another test of the suite has made: disks/staging.test.ts'
const firstBucket = { 'storage.buckets.get': firstOfRegion, 'storage.buckets.insert': firstOfRegion }

const cancelled = 'of an export that still runs: disks/staging.test.ts'
const stillRuns = {
  'cloudbuild.projects.builds.cancel': cancelled,
  'cloudbuild.projects.builds.get': cancelled,
}

/** Declared calls that the suite, which knows no Google Cloud, does not provoke; each with where it is. */
export const unseenMachineCalls: Subject['dialect']['unseen'] = {
  'compute.get': { 'compute.instances.aggregatedList': 'for a bare name: compute/names.test.ts' },
  'disks.createDisk': firstBucket,
  'disks.openDisk': firstBucket,
  'compute.create': stillRuns,
  'disks.deleteSnapshot': stillRuns,
  'disks.deleteDisk': stillRuns,
  'inventory.remove': stillRuns,
}
