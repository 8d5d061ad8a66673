import { createHash } from 'node:crypto'
import type { CloudRef } from '#shared/clouds/port.ts'
import type { Build } from '#shared/clouds/gcp/builds/builds.ts'
import type { GcpClient } from '#shared/clouds/gcp/client.ts'
import { idOf, parseLink } from '#shared/clouds/gcp/names.ts'
import { createGcs } from '#shared/clouds/gcp/storage/gcs.ts'
import { createBuckets } from '#shared/clouds/gcp/storage/buckets.ts'
import { createGcsObjects, type GcsObject, type GcsObjects } from '#shared/clouds/gcp/storage/objects.ts'

/**
 * Where the bytes of disks pass through: a bucket per region. What belongs to a disk or to an export lies under one prefix, with its owner tags in
 * the objects' metadata.
 */
export interface Staging {
  readonly objects: GcsObjects
  /** The bucket's name, whether or not it exists. */
  bucketOf(region: string): string
  /** The bucket, made when missing. */
  bucket(region: string): Promise<string>
  /** Removes all objects under a prefix with the intent of it; gone already is fine. */
  clear(region: string, prefix: string): Promise<void>
  /** Objects under a prefix; none if there is no bucket. */
  list(region: string, prefix: string): AsyncIterable<GcsObject>
  /**
   * All prefixes that hold anything, with their owner tags. A chunk that was under way when its disk was removed arrives after the intent
   * has gone: it is found by itself.
   */
  owned(region: string): AsyncIterable<{ prefix: string; tags: Record<string, string> }>
  /** The prefix that a build exports to; undefined if that is elsewhere. */
  prefixOfBuild(region: string, build: Pick<Build, 'flags'>): string | undefined
}

const writingFolder = 'disks/'
const exportFolder = 'exports/'

/** Prefix of what a disk that is being written consists of. */
export const writingPrefix = (name: string): string => `${writingFolder}${name}/`
/** Prefix of what an image or snapshot was exported as. */
export const exportPrefix = (ref: CloudRef, kind: 'images' | 'snapshots'): string => {
  const link = parseLink(ref.id, kind)
  return `${exportFolder}${kind}-${link.project === undefined ? '' : `${link.project}-`}${link.name}/`
}

export const imageId = (name: string): string =>
  idOf({ scope: 'global', place: '', collection: 'images', name })

/** The staging buckets of a project. */
export function createStaging(gcp: GcpClient): Staging {
  const gcs = createGcs(gcp)
  const objects = createGcsObjects(gcp, gcs)
  const buckets = createBuckets(gcs, objects)
  const ready = new Map<string, Promise<string>>()

  const bucketOf = (region: string) => gcp.settings.options.staging_bucket ?? ownName(gcp.project, region)
  const make = async (region: string): Promise<string> => {
    const name = bucketOf(region)
    if (gcp.settings.options.staging_bucket !== undefined) return name
    if ((await buckets.get({ region, id: name })) !== undefined) return name
    await buckets.create({
      token: `staging-${region}`,
      // Shared by all jobs: it belongs to none, and what lies in it carries its owner's tags.
      tags: { 'novacron-tenant': '', 'novacron-job': '', 'novacron-step': 'staging' },
      region,
      name,
      versioning: false,
      lifecycle: [{ id: 'forgotten', prefix: '', expireAfterDays: 30 }],
    })
    return name
  }
  const list = (region: string, prefix: string) => ifThere(objects.list(bucketOf(region), prefix))

  return {
    objects,
    bucketOf,
    list,
    async *owned(region) {
      const intended = new Set<string>()
      for await (const { key, metadata } of list(region, intentsPrefix)) {
        const prefix = prefixOf(key)
        intended.add(prefix)
        yield { prefix, tags: metadata }
      }
      for await (const prefix of ifThere(objects.folders(bucketOf(region), writingFolder))) {
        if (intended.has(prefix)) continue
        for await (const { metadata } of list(region, prefix)) {
          yield { prefix, tags: metadata }
          break
        }
      }
    },
    prefixOfBuild(region, { flags }) {
      const root = `gs://${bucketOf(region)}/`
      const target = flags.get('destination_uri')
      if (!target?.startsWith(`${root}${exportFolder}`)) return undefined
      return target.slice(root.length, target.lastIndexOf('/') + 1)
    },
    bucket(region) {
      const known = ready.get(region) ?? make(region)
      ready.set(region, known)
      known.catch(() => ready.delete(region))
      return known
    },
    async clear(region, prefix) {
      const bucket = bucketOf(region)
      let batch: Promise<void>[] = []
      for await (const { key } of list(region, prefix)) {
        batch.push(objects.delete(bucket, key))
        if (batch.length < deletesAtOnce) continue
        await Promise.all(batch)
        batch = []
      }
      await Promise.all(batch)
      // The intent goes last: as long as it is there, a clean-up that was cut off is found and done again.
      for await (const { key } of list(region, intentKey(prefix))) await objects.delete(bucket, key)
    },
  }
}

/** All objects that say what a prefix is about. */
const intentsPrefix = 'intents/'

/** The one of a prefix. They lie apart, so that they are listed without the thousands of chunks. */
export const intentKey = (prefix: string): string => `${intentsPrefix}${prefix.slice(0, -1)}.json`

/** The prefix that an intent is about. */
const prefixOf = (key: string): string => `${key.slice(intentsPrefix.length, -'.json'.length)}/`

const deletesAtOnce = 16

/** Names of buckets are of one space for all of Google: the project's id and a digest keep ours apart. */
function ownName(project: string, region: string): string {
  const digest = createHash('sha256').update(`${project} ${region}`).digest('hex').slice(0, 12)
  return `novacron-${region}-${digest}`
}

/** What is listed of a bucket; nothing if there is no bucket. */
async function* ifThere<T>(listed: AsyncIterable<T>): AsyncGenerator<T> {
  const items = listed[Symbol.asyncIterator]()
  for (;;) {
    const next = await items.next().catch(noBucket)
    if (next.done === true) return
    yield next.value
  }
}

function noBucket(error: unknown): IteratorReturnResult<undefined> {
  if (error instanceof Error && 'code' in error && error.code === 'not_found')
    return { done: true, value: undefined }
  throw error
}
