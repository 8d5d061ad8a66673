import { readdir, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Site } from '#shared/clouds/onprem/hosts.ts'
import { absent, deleteObject, removeEmpty, type FolderBucket } from '#shared/clouds/onprem/objects/folder.ts'
import { listFolder } from '#shared/clouds/onprem/objects/listing.ts'
import { folderBucket, storePlace } from '#shared/clouds/onprem/objects/store.ts'
import type { CloudObject, LifecycleRule } from '#shared/clouds/port.ts'

const dayMs = 86_400_000

/** Is an object past the age at which a rule for its key lets it go? Classes of storage are all the same folder, so the other ages change nothing. */
export const isExpired = (
  rules: readonly LifecycleRule[],
  { key, modifiedAt }: Pick<CloudObject, 'key' | 'modifiedAt'>,
  nowMs: number,
): boolean =>
  rules.some(
    ({ prefix, expireAfterDays }) =>
      expireAfterDays !== undefined &&
      key.startsWith(prefix) &&
      nowMs - modifiedAt.getTime() >= expireAfterDays * dayMs,
  )

/**
 * Deletes what the rules of all buckets let go: objects, and earlier versions as long after they stopped being the present one; and what was left
 * by writers that died. An S3 service does that by itself. For a regular tick; safe to run at several places at once.
 * @returns how many objects and versions were deleted.
 */
export async function applyLifecycle(site: Site, nowMs: number = Date.now()): Promise<number> {
  if (site.settings.options.object_store === undefined && site.settings.options.driver !== 'qemu') return 0
  if (!('folder' in storePlace(site))) return 0
  let deleted = 0
  for await (const { id, body, host } of site.all('bucket', undefined)) {
    const bucket = folderBucket(site, { region: host.region, id }, body)
    await removeStaged(bucket, nowMs)
    if (body.lifecycle.every(({ expireAfterDays }) => expireAfterDays === undefined)) continue
    // Versions first, so that what becomes one below is kept its time.
    for await (const version of versionsOf(bucket)) {
      if (!isExpired(body.lifecycle, version, nowMs)) continue
      await bucket.gate({ operation: 'object delete', mutating: true, resource: version.key }, async () => {
        await rm(version.path, { force: true })
        await removeEmpty(bucket, dirname(version.path))
      })
      deleted += 1
    }
    for await (const { object } of listFolder(bucket.gate, join(bucket.folder, 'objects'), '')) {
      if (!isExpired(body.lifecycle, object, nowMs)) continue
      await deleteObject(bucket, object.key)
      deleted += 1
    }
  }
  return deleted
}

/** Versions lie like objects, each in a folder that is named like one. `modifiedAt`: when it stopped being the present one. */
async function* versionsOf({
  gate,
  folder,
}: FolderBucket): AsyncGenerator<{ key: string; path: string; modifiedAt: Date }> {
  for await (const { object, path } of listFolder(gate, join(folder, 'versions'), '')) {
    const names = await gate({ operation: 'object list', mutating: false }, () =>
      readdir(path).then(undefined, absent),
    )
    for (const name of names ?? [])
      yield { key: object.key, path: join(path, name), modifiedAt: new Date(name.slice(0, isoLength)) }
  }
}

/** A writer that is still at work touches its file all the time. */
async function removeStaged({ gate, folder }: FolderBucket, nowMs: number): Promise<void> {
  const staging = join(folder, 'staging')
  await gate({ operation: 'object list', mutating: false }, async () => {
    for (const name of (await readdir(staging).then(undefined, absent)) ?? []) {
      const facts = await stat(join(staging, name)).then(undefined, absent)
      if (facts && nowMs - facts.mtimeMs > dayMs) await rm(join(staging, name), { force: true })
    }
  })
}

const isoLength = new Date(0).toISOString().length
