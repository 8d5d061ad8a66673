import { createClients, type AwsClients } from '#shared/clouds/aws/clients.ts'
import { createBuckets } from '#shared/clouds/aws/s3/buckets.ts'
import { createObjects } from '#shared/clouds/aws/s3/objects.ts'
import type { AwsSettings } from '#shared/clouds/aws/settings.ts'
import { CloudError } from '#shared/clouds/errors.ts'
import { createS3Bucket, isMissing, locationTag } from '#shared/clouds/onprem/objects/s3-bucket.ts'
import { refusal } from '#shared/clouds/onprem/refusals.ts'
import type { OnPremSettings } from '#shared/clouds/onprem/settings.ts'
import type { BucketsFacet, CloudBucket, CloudRef, ObjectsFacet } from '#shared/clouds/port.ts'

export interface ObjectStorage {
  buckets: BucketsFacet
  objects: ObjectsFacet
  close(): void
}

/**
 * Buckets and objects of an S3 service (MinIO, Ceph, SeaweedFS …): the same calls as to Amazon's. All locations share it; a bucket's tag says
 * which one it is of. Makes no call.
 * @throws CloudError `invalid_request` without the service's keys.
 */
export function createS3Storage(
  settings: OnPremSettings,
  place: { endpoint: string; region: string },
): ObjectStorage {
  const clients = createClients(awsSettings(settings, place))
  const aws = lenient(clients)
  const objects = createObjects(aws)
  const buckets = createBuckets(aws)
  const there = ({ id }: CloudRef): CloudRef => ({ region: place.region, id })
  const [firstHost] = settings.options.hosts
  const locationOf = ({ tags }: CloudBucket) => tags[locationTag] ?? firstHost?.location
  return {
    buckets: {
      async *list({ region }) {
        for await (const bucket of buckets.list({ region: place.region }))
          if (locationOf(bucket) === region) yield { ...bucket, region }
      },
      async get({ region, id }) {
        const bucket = await buckets.get(there({ region, id }))
        return bucket && locationOf(bucket) === region ? { ...bucket, region } : undefined
      },
      async create(request) {
        await createS3Bucket(aws, place.region, request)
        return { region: request.region, id: request.name }
      },
      setLifecycle: (ref, rules) => buckets.setLifecycle(there(ref), rules),
      delete: (ref, options) => buckets.delete(there(ref), options),
    },
    objects: {
      list: (ref, query) => objects.list(there(ref), query),
      write: (ref, object) => objects.write(there(ref), object),
      read: (ref, object) => objects.read(there(ref), object),
      delete: (ref, key) => objects.delete(there(ref), key),
    },
    close: clients.close,
  }
}

function awsSettings(
  { credentials, options, workerId, providerId, calls }: OnPremSettings,
  { endpoint, region }: { endpoint: string; region: string },
): AwsSettings {
  const { s3_access_key_id: accessKeyId, s3_secret_access_key: secretAccessKey } = credentials
  if (accessKeyId === undefined || secretAccessKey === undefined)
    throw refusal('open', `Provider ${providerId} has no keys for its object store.`, {
      code: 'invalid_request',
      remedy: 'Add credentials.s3_access_key_id and credentials.s3_secret_access_key to the registration.',
    })
  return {
    providerId,
    type: 'aws',
    credentials: { access_key_id: accessKeyId, secret_access_key: secretAccessKey },
    regions: [region],
    defaultRegion: region,
    endpoints: { s3: endpoint },
    options: {
      request_timeout_ms: options.request_timeout_ms,
      throttle_wait_ms: options.throttle_wait_ms,
      poll_ms: options.poll_ms,
      consistency_ms: 20_000,
      vm_import_role: 'none',
    },
    workerId,
    ...(calls ? { calls } : {}),
  }
}

/** A service that does not have a setting has none there. */
function lenient(aws: AwsClients): AwsClients {
  return {
    ...aws,
    s3: async (region, operation, send, signal) => {
      try {
        return await aws.s3(region, operation, send, signal)
      } catch (error) {
        const reads = operation.startsWith('Get') && operation !== 'GetObject'
        if (!(reads && error instanceof CloudError && isMissing(error))) throw error
        const { message, vendorCode, requestId, cause } = error
        throw new CloudError(message, {
          cloud: 'aws',
          operation,
          code: 'not_found',
          cause,
          ...(vendorCode === undefined ? {} : { vendorCode }),
          ...(requestId === undefined ? {} : { requestId }),
        })
      }
    },
  }
}
