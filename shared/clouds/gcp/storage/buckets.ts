import type { BucketMetadata } from '@google-cloud/storage'
import { CloudError } from '#shared/clouds/errors.ts'
import { orMissing } from '#shared/clouds/gcp/client.ts'
import type { Gcs } from '#shared/clouds/gcp/storage/gcs.ts'
import { labelsOf, tagsOf } from '#shared/clouds/gcp/storage/labels.ts'
import { isRuleLabel, lifecycleOf, ruleLabels, rulesOf } from '#shared/clouds/gcp/storage/lifecycle.ts'
import type { GcsObjects } from '#shared/clouds/gcp/storage/objects.ts'
import type { BucketsFacet, CloudBucket } from '#shared/clouds/port.ts'

/** Which intent made a bucket: a name is taken again by its own maker alone. */
const tokenLabel = 'novacron-token'

/** Buckets of the project. Their names are of one space for all of Google; the region of a bucket is its location. */
export function createBuckets(gcs: Gcs, objects: GcsObjects): BucketsFacet {
  const find = (name: string) =>
    orMissing(
      gcs('storage.buckets.get', async (storage) => {
        const [metadata] = await storage.bucket(name).getMetadata()
        return metadata
      }),
    )
  const described = async (metadata: BucketMetadata) => bucketOf(metadata, await accessOf(gcs, metadata))

  return {
    async *list({ region }) {
      for await (const metadata of listBuckets(gcs)) {
        if (regionOf(metadata) === region) yield described(metadata)
      }
    },

    async get({ id }) {
      const metadata = await find(id)
      return metadata && described(metadata)
    },

    async create({ token, tags, region, name, versioning, lifecycle, encryption }) {
      const labels = { ...labelsOf(tags), ...ruleLabels(lifecycle), ...labelsOf({ [tokenLabel]: token }) }
      try {
        await gcs('storage.buckets.insert', (storage) =>
          storage.createBucket(name, {
            location: region,
            labels,
            iamConfiguration: {
              uniformBucketLevelAccess: { enabled: true },
              publicAccessPrevention: 'enforced',
            },
            ...(versioning ? { versioning: { enabled: true } } : {}),
            ...(lifecycle.length === 0 ? {} : { lifecycle: lifecycleOf(lifecycle) }),
            ...(encryption?.keyId === undefined
              ? {}
              : { encryption: { defaultKmsKeyName: encryption.keyId } }),
          }),
        )
      } catch (error) {
        if (!(error instanceof CloudError && error.code === 'conflict')) throw error
        const there = await find(name).catch(() => undefined)
        if (tagsOf(there?.labels)[tokenLabel] !== token) throw nameTaken(name, error)
      }
      return { region, id: name }
    },

    async setLifecycle({ id }, rules) {
      await gcs('storage.buckets.patch', async (storage) => {
        const bucket = storage.bucket(id)
        const [{ labels = {}, metageneration }] = await bucket.getMetadata()
        const stale = Object.fromEntries(
          Object.keys(labels)
            .filter(isRuleLabel)
            .map((label) => [label, null]),
        )
        await bucket.setMetadata(
          {
            // The SDK has no way to say that there are none, but null, which its types leave out.
            lifecycle: rules.length === 0 ? null : lifecycleOf(rules),
            labels: { ...stale, ...ruleLabels(rules) },
          },
          metageneration === undefined ? {} : { ifMetagenerationMatch: metageneration },
        )
      })
    },

    async delete({ id }, { withObjects }) {
      if (withObjects) await empty(objects, id)
      try {
        await orMissing(gcs('storage.buckets.delete', (storage) => storage.bucket(id).delete()))
      } catch (error) {
        if (error instanceof CloudError && error.code === 'conflict') throw notEmpty(id, error)
        throw error
      }
    },
  }
}

/** All buckets of the project as Google describes them, paged to the end. */
export async function* listBuckets(gcs: Gcs): AsyncGenerator<BucketMetadata> {
  for (let pageToken: string | undefined; ;) {
    const [buckets, next] = await gcs('storage.buckets.list', (storage) =>
      storage.getBuckets({ autoPaginate: false, ...(pageToken === undefined ? {} : { pageToken }) }),
    )
    for (const { metadata } of buckets) yield metadata
    pageToken = (next as { pageToken?: string } | null)?.pageToken
    if (pageToken === undefined) return
  }
}

/** Can anybody read it? Only its policy says, unless that is made impossible. */
export async function accessOf(
  gcs: Gcs,
  { name = '', iamConfiguration }: BucketMetadata,
): Promise<CloudBucket['access']> {
  if (iamConfiguration?.publicAccessPrevention === 'enforced') return 'blocked'
  const [{ bindings }] = await gcs('storage.buckets.getIamPolicy', (storage) =>
    storage.bucket(name).iam.getPolicy(),
  )
  return bindings.some(({ members }) => members.some((member) => anybody.has(member))) ? 'public' : 'private'
}

/** `US-CENTRAL1` is the region `us-central1`. */
export const regionOf = ({ location = '' }: BucketMetadata): string => location.toLowerCase()

/** A bucket's tags, without what only we read. */
export const bucketTags = ({ labels = {} }: BucketMetadata): Record<string, string> =>
  tagsOf(
    Object.fromEntries(
      Object.entries(labels).filter(([label]) => label !== tokenLabel && !isRuleLabel(label)),
    ),
  )

const anybody = new Set(['allUsers', 'allAuthenticatedUsers'])

function bucketOf(metadata: BucketMetadata, access: CloudBucket['access']): CloudBucket {
  const { name = '', encryption, versioning, timeCreated } = metadata
  const keyId = encryption?.defaultKmsKeyName
  return {
    region: regionOf(metadata),
    id: name,
    name,
    encrypted: true,
    ...(keyId ? { keyId } : {}),
    versioning: versioning?.enabled === true,
    access,
    lifecycle: rulesOf(metadata),
    tags: bucketTags(metadata),
    ...(timeCreated === undefined ? {} : { createdAt: new Date(timeCreated) }),
  }
}

/** Deletes every version of every object, several at once. */
async function empty(objects: GcsObjects, bucket: string): Promise<void> {
  let batch: Promise<void>[] = []
  const listed = objects.list(bucket, '', { versions: true })[Symbol.asyncIterator]()
  for (;;) {
    const next = await orMissing(listed.next())
    if (next === undefined || next.done === true) break
    batch.push(objects.delete(bucket, next.value.key, next.value.generation))
    if (batch.length < deletesAtOnce) continue
    await Promise.all(batch)
    batch = []
  }
  await Promise.all(batch)
}

const deletesAtOnce = 16

const nameTaken = (name: string, cause: CloudError): CloudError =>
  new CloudError(`The bucket name "${name}" is taken: names are shared by all users of Google Cloud.`, {
    cloud: 'gcp',
    operation: cause.operation,
    code: 'conflict',
    remedy: 'Choose another name, for example with your organisation’s name in it.',
    ...(cause.vendorCode === undefined ? {} : { vendorCode: cause.vendorCode }),
    details: { field: 'name' },
  })

const notEmpty = (name: string, cause: CloudError): CloudError =>
  new CloudError(`The bucket "${name}" still holds objects.`, {
    cloud: 'gcp',
    operation: cause.operation,
    code: 'conflict',
    remedy: 'Delete its objects first, old versions too, or delete it with its objects.',
    ...(cause.vendorCode === undefined ? {} : { vendorCode: cause.vendorCode }),
  })
