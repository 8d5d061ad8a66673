import type { PlainRequest } from '#test/clouds/core/server.ts'
import { json, Refusal } from '#test/clouds/gcp/refusal.ts'
import type { Ask, Route } from '#test/clouds/gcp/route.ts'
import { bucketNamed, bucketView, patchedBucket, readNewBucket } from '#test/clouds/gcp/storage/buckets.ts'
import { composeObjects } from '#test/clouds/gcp/storage/compose.ts'
import { download } from '#test/clouds/gcp/storage/download.ts'
import { record, wrong } from '#test/clouds/gcp/storage/lifecycle.ts'
import { objectsOf, pageOf, versionKey } from '#test/clouds/gcp/storage/lists.ts'
import { checkPreconditions, objectNamed, objectView } from '#test/clouds/gcp/storage/objects.ts'
import { deleteObject } from '#test/clouds/gcp/storage/put.ts'
import { beginUpload, cancelUpload, continueUpload } from '#test/clouds/gcp/storage/uploads.ts'
import { archiveOf, type Bucket } from '#test/clouds/gcp/storage/world.ts'

/** Cloud Storage's JSON API, v1: https://cloud.google.com/storage/docs/json_api/v1 */
export const storageRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: '/storage/v1/b',
    operation: 'storage.buckets.list',
    mutating: false,
    answer({ world, query }) {
      checkQuery(query, ['project', 'maxResults', 'pageToken', 'prefix', 'projection'])
      checkProject(query.get('project'), world.project)
      const prefix = query.get('prefix') ?? ''
      const all = [...world.storage.buckets.values()]
        .filter(({ name }) => name.startsWith(prefix))
        .toSorted((a, b) => (a.name < b.name ? -1 : 1))
      const { items, nextPageToken } = pageOf(world.storage, query, `b/${prefix}`, all, ({ name }) => name)
      return json(200, {
        kind: 'storage#buckets',
        items: items.map((bucket) => bucketView(world.storage, bucket, world.url())),
        ...(nextPageToken === undefined ? {} : { nextPageToken }),
      })
    },
  },
  {
    method: 'POST',
    path: '/storage/v1/b',
    operation: 'storage.buckets.insert',
    mutating: true,
    answer({ world, query, ...ask }) {
      checkQuery(query, ['project', 'predefinedAcl', 'predefinedDefaultObjectAcl', 'projection'])
      checkProject(query.get('project'), world.project)
      const bucket = readNewBucket(world.storage, ask.json())
      world.storage.buckets.set(bucket.name, bucket)
      return json(200, bucketView(world.storage, bucket, world.url()))
    },
  },
  {
    method: 'GET',
    path: '/storage/v1/b/{bucket}',
    operation: 'storage.buckets.get',
    mutating: false,
    answer({ world, query, path }) {
      checkQuery(query, ['projection', ...metagenerationMatches])
      const bucket = bucketNamed(world.storage, path['bucket'] ?? '')
      checkMetageneration(query, bucket)
      return json(200, bucketView(world.storage, bucket, world.url()))
    },
  },
  {
    method: 'PATCH',
    path: '/storage/v1/b/{bucket}',
    operation: 'storage.buckets.patch',
    mutating: true,
    answer({ world, query, path, ...ask }) {
      checkQuery(query, ['projection', ...metagenerationMatches])
      const bucket = bucketNamed(world.storage, path['bucket'] ?? '')
      checkMetageneration(query, bucket)
      const patched = patchedBucket(bucket, ask.json(), world.clock.now())
      world.storage.buckets.set(bucket.name, patched)
      return json(200, bucketView(world.storage, patched, world.url()))
    },
  },
  {
    method: 'DELETE',
    path: '/storage/v1/b/{bucket}',
    operation: 'storage.buckets.delete',
    mutating: true,
    answer({ world: { storage }, query, path }) {
      checkQuery(query, metagenerationMatches)
      const bucket = bucketNamed(storage, path['bucket'] ?? '')
      checkMetageneration(query, bucket)
      if (storage.objects.list(bucket.name).length + storage.objects.list(archiveOf(bucket.name)).length > 0)
        throw new Refusal(409, 'conflict', 'The bucket you tried to delete is not empty.')
      storage.buckets.delete(bucket.name)
      return { status: 204 }
    },
  },
  {
    method: 'GET',
    path: '/storage/v1/b/{bucket}/iam',
    operation: 'storage.buckets.getIamPolicy',
    mutating: false,
    answer({ world, query, path }) {
      checkQuery(query, ['optionsRequestedPolicyVersion'])
      return json(200, policyView(bucketNamed(world.storage, path['bucket'] ?? '')))
    },
  },
  {
    method: 'PUT',
    path: '/storage/v1/b/{bucket}/iam',
    operation: 'storage.buckets.setIamPolicy',
    mutating: true,
    answer({ world, query, path, ...ask }) {
      checkQuery(query, [])
      const bucket = bucketNamed(world.storage, path['bucket'] ?? '')
      const body = record(ask.json(), 'policy', ['kind', 'resourceId', 'version', 'etag', 'bindings'])
      if (body['etag'] !== undefined && body['etag'] !== policyView(bucket).etag)
        throw new Refusal(412, 'conditionNotMet', 'The etag of the policy does not match.')
      const policy = readBindings(body['bindings'])
      if (
        bucket.publicAccessPrevention === 'enforced' &&
        policy.some(({ members }) => members.some(isPublic))
      )
        throw new Refusal(
          412,
          'conditionNotMet',
          'The member bindings allUsers and allAuthenticatedUsers are not allowed since public access prevention is enforced.',
        )
      const next = { ...bucket, policy, metageneration: bucket.metageneration + 1 }
      world.storage.buckets.set(bucket.name, next)
      return json(200, policyView(next))
    },
  },
  {
    method: 'GET',
    path: '/storage/v1/b/{bucket}/o',
    operation: 'storage.objects.list',
    mutating: false,
    answer({ world: { storage, url }, query, path }) {
      checkQuery(query, ['prefix', 'delimiter', 'maxResults', 'pageToken', 'versions', 'projection'])
      const bucket = bucketNamed(storage, path['bucket'] ?? '')
      const { objects, prefixes } = objectsOf(storage, bucket, query)
      const list = `o/${bucket.name}/${query.get('prefix') ?? ''}/${query.get('versions') ?? ''}`
      const { items, nextPageToken } = pageOf(storage, query, list, objects, versionKey)
      return json(200, {
        kind: 'storage#objects',
        ...(items.length === 0 ? {} : { items: items.map((object) => objectView(bucket, object, url())) }),
        ...(prefixes.length === 0 ? {} : { prefixes }),
        ...(nextPageToken === undefined ? {} : { nextPageToken }),
      })
    },
  },
  ...['/storage/v1', '/download/storage/v1'].map((base): Route => ({
    method: 'GET',
    path: `${base}/b/{bucket}/o/{object}`,
    operation: 'storage.objects.get',
    mutating: false,
    answer({ world: { storage, url }, query, path, request, fault }) {
      checkQuery(query, ['generation', 'projection', ...objectMatches])
      const bucket = bucketNamed(storage, path['bucket'] ?? '')
      const object = objectNamed(storage, bucket, path['object'] ?? '', query)
      checkPreconditions(query, object)
      if (query.get('alt') === 'media') return download(storage, bucket, object, request, fault)
      return json(200, objectView(bucket, object, url()))
    },
  })),
  {
    method: 'DELETE',
    path: '/storage/v1/b/{bucket}/o/{object}',
    operation: 'storage.objects.delete',
    mutating: true,
    async answer({ world: { storage }, query, path }) {
      checkQuery(query, ['generation', ...objectMatches])
      const bucket = bucketNamed(storage, path['bucket'] ?? '')
      const object = objectNamed(storage, bucket, path['object'] ?? '', query)
      checkPreconditions(query, object)
      await deleteObject(storage, bucket, object, query.has('generation'))
      return { status: 204 }
    },
  },
  {
    method: 'POST',
    path: '/storage/v1/b/{bucket}/o/{object}/compose',
    operation: 'storage.objects.compose',
    mutating: true,
    async answer({ world: { storage, url }, query, path, ...ask }) {
      checkQuery(query, [
        'ifGenerationMatch',
        'ifMetagenerationMatch',
        'kmsKeyName',
        'destinationPredefinedAcl',
      ])
      const bucket = bucketNamed(storage, path['bucket'] ?? '')
      return json(
        200,
        objectView(
          bucket,
          await composeObjects(storage, bucket, path['object'] ?? '', query, ask.json()),
          url(),
        ),
      )
    },
  },
  {
    ...upload('POST'),
    when: (request) => !isSession(request),
    answer: ({ world, query, path, request, fault }) => {
      checkQuery(query, [
        'uploadType',
        'name',
        'kmsKeyName',
        'predefinedAcl',
        'projection',
        'contentEncoding',
        ...objectMatches,
      ])
      return beginUpload(world.storage, path['bucket'] ?? '', request, fault)
    },
  },
  ...(['PUT', 'POST'] as const).map((method): Route => ({
    ...upload(method),
    when: isSession,
    answer: ({ world, request, fault }) => continueUpload(world.storage, request, fault),
  })),
  {
    ...upload('DELETE'),
    when: isSession,
    answer: ({ world, request }) => cancelUpload(world.storage, request),
  },
]

function upload(method: Route['method']): Pick<Route, 'method' | 'path' | 'operation' | 'mutating'> {
  return {
    method,
    path: '/upload/storage/v1/b/{bucket}/o',
    operation: 'storage.objects.insert',
    mutating: true,
  }
}

function isSession({ url }: PlainRequest): boolean {
  return url.searchParams.has('upload_id')
}

const metagenerationMatches = ['ifMetagenerationMatch', 'ifMetagenerationNotMatch']
const objectMatches = ['ifGenerationMatch', 'ifGenerationNotMatch', ...metagenerationMatches]

/** Parameters that every method takes, and those of this one. */
function checkQuery(query: Ask['query'], own: readonly string[]): void {
  for (const name of query.keys()) {
    if (!own.includes(name) && !['alt', 'fields', 'prettyPrint', 'userProject', 'quotaUser'].includes(name))
      throw new Refusal(400, 'invalidParameter', `Invalid parameter: ${name}`, name)
  }
}

function checkProject(given: string | null, project: string): void {
  if (given === null) throw new Refusal(400, 'required', 'Required parameter: project', 'project')
  if (given !== project) throw new Refusal(400, 'invalid', `Invalid project: ${given}`, 'project')
}

/** Of buckets: only their metageneration counts. */
function checkMetageneration(query: Ask['query'], { metageneration }: Bucket): void {
  const matches = query.get('ifMetagenerationMatch') ?? String(metageneration)
  const differs = query.get('ifMetagenerationNotMatch')
  if (matches !== String(metageneration) || differs === String(metageneration))
    throw new Refusal(
      412,
      'conditionNotMet',
      'At least one of the pre-conditions you specified did not hold.',
    )
}

const policyView = ({ name, policy, metageneration }: Bucket) => ({
  kind: 'storage#policy',
  resourceId: `projects/_/buckets/${name}`,
  version: 1,
  etag: Buffer.from(`p${metageneration}`).toString('base64'),
  bindings: policy,
})

const isPublic = (member: string): boolean => member === 'allUsers' || member === 'allAuthenticatedUsers'

function readBindings(sent: unknown): Bucket['policy'] {
  if (!Array.isArray(sent)) throw wrong('bindings', 'a list')
  return sent.map((binding: unknown) => {
    const { role, members } = record(binding, 'bindings', ['role', 'members', 'condition'])
    if (typeof role !== 'string' || !role.startsWith('roles/')) throw wrong('bindings.role', 'a role')
    if (!Array.isArray(members) || members.some((member) => typeof member !== 'string'))
      throw wrong('bindings.members', 'a list of members')
    return { role, members: members as string[] }
  })
}

/** Is it NovaCron's own, where nothing is to stay? */
const isStaging = ({ labels }: Bucket): boolean => labels['novacron-step'] === 'staging'

/** Buckets, and the objects in them that carry tags of their own or lie in NovaCron's: the others are their bucket's. */
export const residueOfStorage = ({ storage }: Ask['world']) =>
  [...storage.buckets.values()].flatMap((bucket) => [
    { kind: 'bucket', id: bucket.name, state: 'ready', tags: bucket.labels },
    ...[...storage.objects.list(bucket.name), ...storage.objects.list(archiveOf(bucket.name))]
      // In a user's bucket what carries nothing of ours is the user's.
      .filter(({ meta }) => isStaging(bucket) || Object.keys(meta.custom).length > 0)
      .map((object) => ({
        kind: 'object',
        id: `${bucket.name}/${object.key}`,
        state: 'ready',
        tags: object.meta.custom,
      })),
  ])
