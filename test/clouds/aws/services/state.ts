import { join } from 'node:path'
import { createObjectStore, type ObjectStore } from '#test/clouds/core/objects.ts'
import type { Bucket } from '#test/clouds/aws/s3/state.ts'
import type { RegionSettings } from '#test/clouds/aws/actions/region-settings.ts'
import type { Tagged } from '#test/clouds/aws/world.ts'
import type { ExportTask, ImportTask } from '#test/clouds/aws/images/tasks.ts'

/** What the services beside EC2 keep. Names of buckets are one space for all regions, as on AWS. */
export interface Services {
  buckets: Map<string, Bucket>
  objects: ObjectStore<undefined>
  imports: Map<string, ImportTask>
  exports: Map<string, ExportTask>
  /** Sizes of imported disks before they were rounded up to whole GiB, by snapshot. */
  virtualBytes: Map<string, number>
  publicSnapshots: Set<string>
  flowLogs: Map<string, Tagged & { resourceId: string; region: string }>
  settings: Map<string, RegionSettings>
  /** What exists and has existed of things that cost money, for the bill. */
  usage: Map<
    string,
    { kind: string; region: string; sku: string; sizeGib: number; fromMs: number; toMs: number }
  >
}

export const createServices = (dir: string): Services => ({
  buckets: new Map(),
  objects: createObjectStore(join(dir, 'objects')),
  imports: new Map(),
  exports: new Map(),
  virtualBytes: new Map(),
  publicSnapshots: new Set(),
  flowLogs: new Map(),
  settings: new Map(),
  usage: new Map(),
})
