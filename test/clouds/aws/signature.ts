import { createHash, createHmac, timingSafeEqual } from 'node:crypto'
import type { PlainRequest } from '#test/clouds/core/server.ts'
import { Refusal } from '#test/clouds/aws/refusal.ts'

export interface Account {
  accountId: string
  accessKeyId: string
  secretAccessKey: string
  sessionToken: string | undefined
}

/** Codes of the same refusals in EC2 and in the JSON services. */
const codes = {
  ec2: {
    key: 'AuthFailure',
    signature: 'SignatureDoesNotMatch',
    missing: 'MissingAuthenticationToken',
    late: 'RequestExpired',
  },
  ebs: {
    key: 'UnrecognizedClientException',
    signature: 'InvalidSignatureException',
    missing: 'UnrecognizedClientException',
    late: 'InvalidSignatureException',
  },
}

/**
 * Checks the Signature Version 4 of a request and gives the region it is signed for.
 * Computed from the vendor's description ("Create a signed AWS API request"), not by the SDK's signer.
 */
export function checkSignature(
  request: PlainRequest,
  service: 'ec2' | 'ebs',
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
  if (claimed !== 'UNSIGNED-PAYLOAD' && claimed !== bodyHash) {
    throw new Refusal(code.signature, 'The x-amz-content-sha256 header does not match the body')
  }
  const canonical = [
    request.method,
    request.url.pathname.split('/').map(encode).join('/'),
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
