import { join } from 'node:path'
import type { Site } from '#shared/clouds/onprem/hosts.ts'
import type { FolderBucket } from '#shared/clouds/onprem/objects/folder.ts'
import type { BucketRecord } from '#shared/clouds/onprem/records.ts'
import { notFound, refusal } from '#shared/clouds/onprem/refusals.ts'
import type { CloudRef } from '#shared/clouds/port.ts'

/** Where the registration's buckets lie. */
export type StorePlace = { folder: string } | { endpoint: string; region: string }

/**
 * The registration's own, else a folder beside the first host's (driver `qemu`, whose hosts are folders of this machine).
 * @throws CloudError `invalid_request` for hosts of libvirt, which have no folder that a worker reaches.
 */
export function storePlace({ settings: { providerId, options } }: Pick<Site, 'settings'>): StorePlace {
  if (options.object_store) return options.object_store
  const folder = options.hosts[0]?.folder
  if (options.driver === 'qemu' && folder !== undefined) return { folder: join(folder, 'objects') }
  throw refusal('storage.buckets', `Provider ${providerId} has no place for buckets.`, {
    code: 'invalid_request',
    remedy:
      'Give options.object_store to the registration: {folder} that every worker reaches, or {endpoint} of an S3 service.',
    details: { field: 'options.object_store' },
  })
}

/** A bucket's record. @throws CloudError `not_found`. */
export async function requireBucket(site: Site, operation: string, ref: CloudRef): Promise<BucketRecord> {
  const body = isBucketName(ref.id) ? await site.homeOf(ref.region).records.get('bucket', ref.id) : undefined
  if (body !== undefined) return body
  throw notFound(operation, 'bucket', ref)
}

/** A bucket in the store's folder, with what its record says. */
export function folderBucket(
  site: Site,
  { region, id }: CloudRef,
  { keyName, versioning }: BucketRecord,
): FolderBucket {
  const place = storePlace(site)
  if (!('folder' in place)) throw new TypeError('buckets of an S3 service are in no folder')
  return {
    gate: site.gateTo('object-store', []),
    folder: join(place.folder, region, id),
    versioning,
    ...(keyName === undefined ? {} : { passphrase: site.passphrase(keyName) }),
  }
}

/** Names that every store takes: S3's, without dots. They name folders, too. */
export const isBucketName = (name: string): boolean => /^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$/.test(name)
