import type { BucketsFacet, CloudBucket, CloudRef } from '#shared/clouds/port.ts'
import type { Site } from '#shared/clouds/onprem/hosts.ts'
import { keyNameFor } from '#shared/clouds/onprem/keys.ts'
import { holdsObjects, removeFolder } from '#shared/clouds/onprem/objects/folder.ts'
import { folderBucket, isBucketName } from '#shared/clouds/onprem/objects/store.ts'
import type { BucketRecord } from '#shared/clouds/onprem/records.ts'
import { notFound, refusal } from '#shared/clouds/onprem/refusals.ts'

/** Records of the location; the folder comes with the first object. Nobody but the provider reads it, so nothing in it is public. */
export const createFolderBuckets = (site: Site): BucketsFacet => ({
  async *list({ region }) {
    for (const { id, body } of await site.homeOf(region).records.list('bucket'))
      yield toBucket(region, id, body)
  },
  async get({ region, id }) {
    if (!isBucketName(id)) return undefined
    const body = await site.homeOf(region).records.get('bucket', id)
    return body && toBucket(region, id, body)
  },
  create: (request) => create(site, request),
  async setLifecycle(ref, lifecycle) {
    const { records } = site.homeOf(ref.region)
    const there = await records.change('bucket', ref.id, (body) => ({ ...body, lifecycle }))
    if (there === undefined) throw notFound('storage.buckets.setLifecycle', 'bucket', ref)
  },
  delete: (ref, options) => remove(site, ref, options),
})

async function create(
  site: Site,
  { region, name, token, tags, versioning, lifecycle, encryption }: Parameters<BucketsFacet['create']>[0],
): Promise<CloudRef> {
  const operation = 'storage.buckets.create'
  if (!isBucketName(name))
    throw refusal(operation, `name: "${name}" is no name of a bucket.`, {
      code: 'invalid_request',
      remedy: 'Use 3 to 63 lower-case letters, digits and dashes, a dash neither first nor last.',
      details: { field: 'name' },
    })
  const { records } = site.homeOf(region)
  const keyName = keyNameFor(site.settings, operation, `bucket-${region}-${name}`, encryption)
  const body: BucketRecord = {
    name,
    tags,
    token,
    createdAt: new Date().toISOString(),
    versioning,
    lifecycle,
    access: 'blocked',
    ...(keyName === undefined ? {} : { keyName }),
    ...(encryption?.keyId === undefined ? {} : { keyId: encryption.keyId }),
  }
  if (!(await records.insert('bucket', name, body))) {
    const there = await records.get('bucket', name)
    if (there?.token !== token)
      throw refusal(operation, `The bucket name ${name} is taken at ${region}.`, {
        code: 'conflict',
        remedy: 'Choose another name.',
        details: { region, field: 'name' },
      })
  }
  return { region, id: name }
}

async function remove(site: Site, ref: CloudRef, { withObjects }: { withObjects: boolean }): Promise<void> {
  if (!isBucketName(ref.id)) return
  const { records } = site.homeOf(ref.region)
  const body = await records.get('bucket', ref.id)
  if (body === undefined) return
  const bucket = folderBucket(site, ref, body)
  if (!withObjects && (await holdsObjects(bucket)))
    throw refusal('storage.buckets.delete', `The bucket ${ref.id} holds objects.`, {
      code: 'conflict',
      remedy: 'Delete its objects first, or delete it with them (with_objects).',
    })
  await removeFolder(bucket)
  await records.remove('bucket', ref.id)
}

const toBucket = (region: string, id: string, body: BucketRecord): CloudBucket => ({
  region,
  id,
  name: body.name,
  encrypted: body.keyName !== undefined,
  ...(body.keyId === undefined ? {} : { keyId: body.keyId }),
  versioning: body.versioning,
  access: body.access,
  lifecycle: body.lifecycle,
  tags: body.tags,
  createdAt: new Date(body.createdAt),
})
