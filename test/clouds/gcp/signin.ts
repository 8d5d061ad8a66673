import { createPublicKey, generateKeyPairSync, randomBytes, verify } from 'node:crypto'
import type { Clock } from '#test/clouds/core/clock.ts'
import type { PlainReply, PlainRequest } from '#test/clouds/core/server.ts'
import { json, Refusal } from '#test/clouds/gcp/refusal.ts'

/** The service account, and the tokens it has been given. */
export interface SignIn {
  readonly credentials: { project_id: string; client_email: string; private_key: string }
  /** Answers `POST /token` (RFC 7523): the assertion's signature, issuer, audience, scope and times are checked. */
  exchange(request: PlainRequest): PlainReply
  /** @throws Refusal 401 unless the request carries a token that was given out here and is not too old. */
  check(request: PlainRequest): void
}

const assertionGrant = 'urn:ietf:params:oauth:grant-type:jwt-bearer'
const audience = 'https://oauth2.googleapis.com/token'

/** One pair serves all clouds of a process: making one takes longer than most tests. */
let keysOfProcess: ReturnType<typeof makeKeys> | undefined
const makeKeys = () => generateKeyPairSync('rsa', { modulusLength: 2048 })

export function createSignIn({
  project,
  clock,
  tokenSeconds,
}: {
  project: string
  clock: Clock
  tokenSeconds: number
}): SignIn {
  const keys = (keysOfProcess ??= makeKeys())
  const publicKey = createPublicKey(keys.publicKey.export({ type: 'spki', format: 'pem' }))
  const email = `novacron@${project}.iam.gserviceaccount.com`
  const expiries = new Map<string, number>()

  return {
    credentials: {
      project_id: project,
      client_email: email,
      private_key: keys.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    },
    exchange(request) {
      const form = new URLSearchParams(request.body.toString())
      if (form.get('grant_type') !== assertionGrant)
        return grantError('unsupported_grant_type', 'Invalid grant_type.')
      const [header = '', payload = '', signature = ''] = (form.get('assertion') ?? '').split('.')
      const signed = verify(
        'RSA-SHA256',
        Buffer.from(`${header}.${payload}`),
        publicKey,
        Buffer.from(signature, 'base64url'),
      )
      const claims = parseClaims(payload)
      if (claims['iss'] !== email) return grantError('invalid_grant', 'Invalid grant: account not found')
      if (!signed) return grantError('invalid_grant', 'Invalid JWT Signature.')
      if (claims['aud'] !== audience) return grantError('invalid_grant', 'Invalid JWT: wrong audience.')
      const nowS = clock.now() / 1000
      if (!(Number(claims['iat']) <= nowS + 300 && Number(claims['exp']) > nowS))
        return grantError('invalid_grant', 'Invalid JWT: Token must be a short-lived token (60 minutes).')
      if (typeof claims['scope'] !== 'string' || !claims['scope'].includes('/auth/cloud-platform'))
        return grantError('invalid_scope', 'Invalid OAuth scope or ID token audience provided.')
      const token = `ya29.${randomBytes(24).toString('base64url')}`
      expiries.set(token, clock.now() + tokenSeconds * 1000)
      return json(200, { access_token: token, expires_in: tokenSeconds, token_type: 'Bearer' })
    },
    check({ headers }) {
      const token = /^Bearer (.+)$/.exec(headers['authorization'] ?? '')?.[1] ?? ''
      if ((expiries.get(token) ?? 0) > clock.now()) return
      throw new Refusal(
        401,
        token === '' ? 'required' : 'authError',
        'Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid authentication credential.',
      )
    },
  }
}

function parseClaims(payload: string): Record<string, unknown> {
  try {
    return JSON.parse(Buffer.from(payload, 'base64url').toString()) as Record<string, unknown>
  } catch {
    return {}
  }
}

const grantError = (error: string, description: string): PlainReply =>
  json(error === 'invalid_client' ? 401 : 400, { error, error_description: description })
