import { randomUUID } from 'node:crypto'
import type { PlainReply, PlainRequest } from '#test/clouds/core/server.ts'
import { Refusal } from '#test/clouds/aws/refusal.ts'
import { bucketOperations } from '#test/clouds/aws/s3/buckets.ts'
import type { S3Operation } from '#test/clouds/aws/s3/call.ts'
import { objectOperations } from '#test/clouds/aws/s3/objects.ts'
import { readPayload } from '#test/clouds/aws/s3/payload.ts'
import { settingOperations } from '#test/clouds/aws/s3/settings.ts'
import { uploadOperations } from '#test/clouds/aws/s3/uploads.ts'
import { errorDocument } from '#test/clouds/aws/s3/xml.ts'
import type { ServiceRequest } from '#test/clouds/aws/services/request.ts'
import { checkSignature, type Account } from '#test/clouds/aws/signature.ts'
import type { World } from '#test/clouds/aws/world.ts'

/** S3's REST protocol, buckets in the path. */
export function readS3Request(request: PlainRequest, world: World, account: Account): ServiceRequest {
  const requestId = randomUUID()
  const [, bucketName = '', key = ''] = /^\/([^/]*)\/?(.*)$/s.exec(request.url.pathname) ?? []
  const query = new Map(request.url.searchParams)
  const found = find(request, bucketName === '' ? 'service' : key === '' ? 'bucket' : 'object')

  const refuse = (refusal: Refusal, headers: Record<string, string> = {}): PlainReply => ({
    status: refusal.status === 400 ? (statuses[refusal.code] ?? 400) : refusal.status,
    headers: { 'content-type': 'application/xml', 'x-amz-request-id': requestId, ...headers },
    body: errorDocument(refusal.code, refusal.message, requestId),
  })

  return {
    operation: found?.[0] ?? 'Unknown',
    mutating: request.method !== 'GET' && request.method !== 'HEAD',
    resource: bucketName === '' ? undefined : bucketName,
    refuse,
    async answer(fault) {
      try {
        const { region } = checkSignature(request, 's3', account)
        if (!world.regions.has(region))
          throw new Refusal('AuthorizationHeaderMalformed', `The region ${region} is wrong`)
        if (!found)
          throw new Refusal('MethodNotAllowed', 'The specified method is not allowed against this resource.')
        checkNames(request, found[1])
        const payload = readPayload(request)
        const call = {
          world,
          region,
          bucketName,
          key: decodeURIComponent(key),
          query,
          headers: request.headers,
        }
        const reply = await found[1].run({ ...call, ...payload, fault })
        return { ...reply, headers: { ...reply.headers, 'x-amz-request-id': requestId } }
      } catch (error) {
        if (error instanceof Refusal) return refuse(error)
        throw error
      }
    },
  }
}

const operations = Object.entries({
  ...bucketOperations,
  ...settingOperations,
  ...objectOperations,
  ...uploadOperations,
})
  // The more a row asks for, the earlier it is looked at.
  .toSorted(([, a], [, b]) => weight(b) - weight(a))

function weight({ sub, given }: S3Operation): number {
  return (sub === undefined ? 0 : 1) + (given === undefined ? 0 : 1)
}

const find = (request: PlainRequest, on: S3Operation['on']): [string, S3Operation] | undefined =>
  operations.find(
    ([, row]) =>
      row.method === request.method &&
      row.on === on &&
      (row.sub === undefined || request.url.searchParams.has(row.sub)) &&
      (row.given === undefined || request.headers[row.given] !== undefined),
  )

/** S3 itself overlooks much of this; here it would hide a mistake. */
function checkNames(request: PlainRequest, { sub, given, query = [], headers = [] }: S3Operation): void {
  const unknown =
    [...request.url.searchParams.keys()].find(
      (name) => name !== 'x-id' && name !== sub && !query.includes(name),
    ) ??
    Object.keys(request.headers).find(
      (name) =>
        name.startsWith('x-amz-') && name !== given && !headers.includes(name) && !everyCall.test(name),
    )
  if (unknown !== undefined) throw new Refusal('InvalidArgument', `Unexpected parameter or header ${unknown}`)
}

const everyCall =
  /^x-amz-(date|content-sha256|security-token|user-agent|decoded-content-length|trailer|sdk-checksum-algorithm|checksum-mode|checksum-(sha1|sha256|crc32|crc32c))$/

/** S3 API Reference, "Error responses". */
const statuses: Record<string, number> = {
  NoSuchBucket: 404,
  NoSuchKey: 404,
  NoSuchVersion: 404,
  NoSuchUpload: 404,
  NoSuchTagSet: 404,
  NoSuchBucketPolicy: 404,
  NoSuchLifecycleConfiguration: 404,
  NoSuchPublicAccessBlockConfiguration: 404,
  ServerSideEncryptionConfigurationNotFoundError: 404,
  BucketAlreadyExists: 409,
  BucketAlreadyOwnedByYou: 409,
  BucketNotEmpty: 409,
  PermanentRedirect: 301,
  PreconditionFailed: 412,
  InvalidRange: 416,
  MethodNotAllowed: 405,
  AccessDenied: 403,
  InvalidAccessKeyId: 403,
  SignatureDoesNotMatch: 403,
  RequestTimeTooSkewed: 403,
  SlowDown: 503,
}
