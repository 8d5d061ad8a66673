import { createHash, createHmac, timingSafeEqual } from 'node:crypto'
import type { PlainRequest } from '#test/clouds/core/server.ts'
import { Refusal } from '#test/clouds/aws/refusal.ts'

export interface Account {
  accountId: string
  accessKeyId: string
  secretAccessKey: string
  sessionToken: string | undefined
}

/** Services by the names that requests are signed for. */
export const serviceNames = [
  'ec2',
  'ebs',
  's3',
  'sts',
  'monitoring',
  'pricing',
  'ce',
  'servicequotas',
  'kms',
] as const
export type ServiceName = (typeof serviceNames)[number]

/** The service that a request says it is signed for. */
export function serviceOf(request: PlainRequest): ServiceName | undefined {
  const scope = authorization.exec(request.headers['authorization'] ?? '')?.groups?.['scope']
  return serviceNames.find((name) => name === scope)
}

/** Codes of the same refusals in the query services, S3 and the JSON services. */
const jsonCodes = {
  key: 'UnrecognizedClientException',
  signature: 'InvalidSignatureException',
  missing: 'UnrecognizedClientException',
  late: 'InvalidSignatureException',
}
const codes: Readonly<Record<ServiceName, typeof jsonCodes>> = {
  ec2: {
    key: 'AuthFailure',
    signature: 'SignatureDoesNotMatch',
    missing: 'MissingAuthenticationToken',
    late: 'RequestExpired',
  },
  sts: {
    key: 'InvalidClientTokenId',
    signature: 'SignatureDoesNotMatch',
    missing: 'MissingAuthenticationToken',
    late: 'RequestExpired',
  },
  s3: {
    key: 'InvalidAccessKeyId',
    signature: 'SignatureDoesNotMatch',
    missing: 'AccessDenied',
    late: 'RequestTimeTooSkewed',
  },
  ebs: jsonCodes,
  monitoring: jsonCodes,
  pricing: jsonCodes,
  ce: jsonCodes,
  servicequotas: jsonCodes,
  kms: jsonCodes,
}

/**
 * Checks the Signature Version 4 of a request and gives the region it is signed for.
 * Computed from the vendor's description ("Create a signed AWS API request"), not by the SDK's signer.
 */
export function checkSignature(
  request: PlainRequest,
  service: ServiceName,
  account: Account,
): { region: string } {
  const code = codes[service]
  const match = authorization.exec(request.headers['authorization'] ?? '')
  if (!match?.groups) throw new Refusal(code.missing, 'Request must contain a valid Authorization header')
  const { key = '', day = '', region = '', scope = '', names = '', signature = '' } = match.groups
  if (key !== account.accessKeyId) {
    throw new Refusal(code.key, 'AWS was not able to validate the provided access credentials')
  }
  if ((request.headers['x-amz-security-token'] ?? undefined) !== account.sessionToken) {
    throw new Refusal(code.key, 'The security token included in the request is invalid')
  }
  const time = request.headers['x-amz-date'] ?? ''
  if (scope !== service || !time.startsWith(day)) {
    throw new Refusal(
      code.signature,
      `Credential should be scoped to service '${service}' and the date of the request`,
    )
  }
  if (Math.abs(Date.now() - Date.parse(time.replace(amzDate, '$1-$2-$3T$4:$5:$6Z'))) > 15 * 60_000) {
    throw new Refusal(
      code.late,
      'Request has expired: the time of the request is too far from the current time',
    )
  }
  const bodyHash = sha256(request.body)
  const claimed = request.headers['x-amz-content-sha256'] ?? bodyHash
  const unsigned = service === 's3' ? /^(STREAMING-)?UNSIGNED-PAYLOAD(-TRAILER)?$/ : /^UNSIGNED-PAYLOAD$/
  if (!unsigned.test(claimed) && claimed !== bodyHash) {
    throw new Refusal(code.signature, 'The x-amz-content-sha256 header does not match the body')
  }
  const canonical = [
    request.method,
    // S3 alone signs the path as it is sent; for the others it is encoded once more.
    service === 's3' ? request.url.pathname : request.url.pathname.split('/').map(encode).join('/'),
    canonicalQuery(request.url),
    ...names.split(';').map((name) => `${name}:${(request.headers[name] ?? '').trim().replace(/ +/g, ' ')}`),
    '',
    names,
    claimed,
  ].join('\n')
  const credentialScope = `${day}/${region}/${scope}/aws4_request`
  const toSign = ['AWS4-HMAC-SHA256', time, credentialScope, sha256(canonical)].join('\n')
  const signingKey = [day, region, scope, 'aws4_request'].reduce<Buffer | string>(
    hmac,
    `AWS4${account.secretAccessKey}`,
  )
  const expected = hmac(signingKey, toSign).toString('hex')
  if (!names.split(';').includes('host') || !same(expected, signature)) {
    throw new Refusal(
      code.signature,
      'The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method.',
    )
  }
  return { region }
}

const authorization =
  /^AWS4-HMAC-SHA256 Credential=(?<key>[^/]+)\/(?<day>\d{8})\/(?<region>[^/]+)\/(?<scope>[^/]+)\/aws4_request, ?SignedHeaders=(?<names>[a-z0-9;-]+), ?Signature=(?<signature>[0-9a-f]{64})$/
const amzDate = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/

const sha256 = (data: Buffer | string): string => createHash('sha256').update(data).digest('hex')
const hmac = (key: Buffer | string, data: string): Buffer => createHmac('sha256', key).update(data).digest()
const same = (a: string, b: string): boolean => timingSafeEqual(Buffer.from(a), Buffer.from(b))

const encode = (text: string): string =>
  encodeURIComponent(text).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  )

function canonicalQuery(url: URL): string {
  const pairs = [...url.searchParams].map(([name, value]) => `${encode(name)}=${encode(value)}`)
  return pairs.toSorted().join('&')
}
