import type { Hash } from 'node:crypto'
import { join } from 'node:path'
import type { Clock } from '#test/clouds/core/clock.ts'
import { createObjectStore, type ObjectStore, type StoredObject } from '#test/clouds/core/objects.ts'
import type { LifecycleBody } from '#test/clouds/gcp/storage/lifecycle.ts'

/** A bucket as the JSON API describes it, without what is derived (links, counters as text). */
export interface Bucket {
  name: string
  location: string
  storageClass: string
  metageneration: number
  timeCreatedMs: number
  updatedMs: number
  labels: Record<string, string>
  versioning: boolean
  lifecycle: LifecycleBody | undefined
  logging: { logBucket: string; logObjectPrefix?: string } | undefined
  defaultKmsKeyName: string | undefined
  uniformAccess: boolean
  publicAccessPrevention: 'enforced' | 'inherited'
  softDeleteSeconds: number
  policy: { role: string; members: string[] }[]
}

/** What is kept of an object beside its bytes. */
export interface ObjectMeta {
  generation: number
  metageneration: number
  timeCreatedMs: number
  updatedMs: number
  contentType: string
  storageClass: string
  kmsKeyName: string | undefined
  custom: Record<string, string>
  /** Of a composite object, which has no MD5. */
  componentCount: number | undefined
  /** When it stopped being the live version of its name. */
  noncurrentSinceMs: number | undefined
  /** Checksums of what was sent, also when a fault has changed what is kept. */
  md5: Buffer
  crc32c: number
}

export type GcsObject = StoredObject<ObjectMeta>

/** A resumable upload that is under way. */
export interface Upload {
  bucket: string
  name: string
  metadata: Record<string, unknown>
  query: URLSearchParams
  totalBytes: number | undefined
  parts: number
  receivedBytes: number
  md5: Hash
  crc32c: number
  done: GcsObject | undefined
}

/** Cloud Storage of one project. */
export interface StorageWorld {
  readonly projectId: string
  readonly projectNumber: string
  readonly clock: Clock
  readonly pageLimit: number
  readonly buckets: Map<string, Bucket>
  /** Names that somebody else has. */
  readonly foreignNames: ReadonlySet<string>
  readonly objects: ObjectStore<ObjectMeta>
  readonly uploads: Map<string, Upload>
}

/** Where the versions of a bucket's objects go that are no longer live; no bucket can be called so. */
export const archiveOf = (bucket: string): string => `${bucket}#noncurrent`

/** Where the pieces of resumable uploads wait. */
export const uploadsBucket = '#uploads'

/** An empty Cloud Storage that keeps its bytes under `dir`. */
export function createStorageWorld({
  dir,
  projectId,
  projectNumber,
  clock,
  pageLimit = 1000,
}: {
  dir: string
  projectId: string
  projectNumber: string
  clock: Clock
  pageLimit?: number
}): StorageWorld {
  return {
    projectId,
    projectNumber,
    clock,
    pageLimit,
    buckets: new Map(),
    foreignNames: new Set(['images', 'backup', 'data', 'taken-by-somebody-else']),
    objects: createObjectStore<ObjectMeta>(join(dir, 'objects')),
    uploads: new Map(),
  }
}
