import { randomUUID } from 'node:crypto'
import type { Fault } from '#test/clouds/core/types.ts'
import type { PlainReply } from '#test/clouds/core/server.ts'
import { Refusal } from '#test/clouds/aws/refusal.ts'
import type { Bucket } from '#test/clouds/aws/s3/state.ts'
import type { World } from '#test/clouds/aws/world.ts'
import { document, type S3Xml } from '#test/clouds/aws/s3/xml.ts'

/** One call of S3, read from its path and query, its body decoded and proved. */
export interface S3Call {
  world: World
  /** That the request was signed for. */
  region: string
  bucketName: string
  key: string
  query: ReadonlyMap<string, string>
  headers: Readonly<Record<string, string>>
  body: Buffer
  /** Of the body, in base64 by algorithm: those that the request gave, proved. */
  checksums: Record<string, string>
  fault: Fault | undefined
}

/** An operation of S3: where it is found, and what it takes. */
export interface S3Operation {
  method: string
  on: 'service' | 'bucket' | 'object'
  /** The query name that makes it another operation, e.g. `tagging`. */
  sub?: string
  /** A header that does, e.g. `x-amz-copy-source`. */
  given?: string
  query?: readonly string[]
  /** Headers `x-amz-…` beside those of every call. */
  headers?: readonly string[]
  run(call: S3Call): PlainReply | Promise<PlainReply>
}

export const empty = (status = 200, headers: Record<string, string> = {}): PlainReply => ({ status, headers })

export const xmlReply = (
  root: string,
  body: { readonly [element: string]: S3Xml },
  headers: Record<string, string> = {},
): PlainReply => ({
  status: 200,
  headers: { 'content-type': 'application/xml', ...headers },
  body: document(root, body),
})

/** The bucket of a call. One that is in another region is not served here. */
export function bucketOf({ world, bucketName, region }: S3Call): Bucket {
  const bucket = world.services.buckets.get(bucketName)
  if (!bucket || !world.regions.get(bucket.region)?.visible.has(bucketName))
    throw new Refusal('NoSuchBucket', 'The specified bucket does not exist')
  if (bucket.region !== region)
    throw new Refusal(
      'PermanentRedirect',
      `The bucket you are attempting to access must be addressed using the specified endpoint: ${bucket.region}`,
    )
  return bucket
}

export const newVersionId = (): string => randomUUID().replaceAll('-', '')

/** A whole number from the query, or what it is without. */
export function numberIn(call: S3Call, name: string, otherwise: number, max: number): number {
  const text = call.query.get(name)
  if (text === undefined) return otherwise
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN
  if (value >= 0 && value <= 2 ** 31) return Math.min(value, max)
  throw new Refusal('InvalidArgument', `Provided ${name} not an integer or within integer range`)
}
