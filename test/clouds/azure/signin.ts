import { createHmac, randomBytes, randomUUID, timingSafeEqual } from 'node:crypto'
import type { PlainReply, PlainRequest } from '#test/clouds/core/server.ts'
import { json, Refusal } from '#test/clouds/azure/replies.ts'

export interface Application {
  tenantId: string
  clientId: string
  clientSecret: string
}

/** Microsoft Entra's token endpoint for one application, and the check of the tokens it gave. */
export interface SignIn {
  /** Operation name and handler of a request of the sign-in service, or undefined if it is none. */
  match(request: PlainRequest): { operation: string; answer: () => PlainReply } | undefined
  /** Refuses a request that carries no token of ours for this audience; default Azure Resource Manager. */
  check(request: PlainRequest, audience?: string): void
}

const managementAudience = 'https://management.azure.com'
export const storageAudience = 'https://storage.azure.com'

export function createSignIn(
  app: Application,
  { tokenSeconds = 3600 }: { tokenSeconds?: number } = {},
): SignIn {
  const key = randomBytes(32)
  const sign = (text: string) => createHmac('sha256', key).update(text).digest('base64url')

  const issue = (audience: string): string => {
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
    const issuedAt = Math.floor(Date.now() / 1000)
    const claims = {
      aud: audience,
      appid: app.clientId,
      tid: app.tenantId,
      iat: issuedAt,
      exp: issuedAt + tokenSeconds,
      uti: randomUUID(),
    }
    const unsigned = `${part({ typ: 'JWT', alg: 'HS256' })}.${part(claims)}`
    return `${unsigned}.${sign(unsigned)}`
  }

  const token = ({ body }: PlainRequest, tenant: string): PlainReply => {
    const form = new URLSearchParams(body.toString())
    if (tenant !== app.tenantId) {
      return refuse(
        400,
        'invalid_request',
        90002,
        `Tenant '${tenant}' not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud.`,
      )
    }
    if (form.get('grant_type') !== 'client_credentials') {
      return refuse(
        400,
        'unsupported_grant_type',
        70003,
        `The app requested an unsupported grant type '${form.get('grant_type')}'.`,
      )
    }
    if (form.get('client_id') !== app.clientId) {
      return refuse(
        400,
        'unauthorized_client',
        700016,
        `Application with identifier '${form.get('client_id')}' was not found in the directory '${tenant}'.`,
      )
    }
    if (!same(form.get('client_secret') ?? '', app.clientSecret)) {
      return refuse(
        401,
        'invalid_client',
        7000215,
        `Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to app '${app.clientId}'.`,
      )
    }
    const scopes = (form.get('scope') ?? '').split(' ')
    const audience = [managementAudience, storageAudience].find((each) => scopes.includes(`${each}/.default`))
    if (audience === undefined) {
      return refuse(
        400,
        'invalid_scope',
        1002012,
        `The provided value for scope ${scopes.join(' ')} is not valid. Client credential flows must have a scope value with /.default suffixed to the resource identifier.`,
      )
    }
    return json(200, {
      token_type: 'Bearer',
      expires_in: tokenSeconds,
      ext_expires_in: tokenSeconds,
      access_token: issue(audience),
    })
  }

  return {
    match(request) {
      const [, tenant = '', ...rest] = request.url.pathname.split('/')
      const path = rest.join('/')
      if (request.method === 'POST' && path === 'oauth2/v2.0/token') {
        return { operation: 'OAuth2_Token', answer: () => token(request, tenant) }
      }
      if (request.method === 'GET' && path === 'v2.0/.well-known/openid-configuration') {
        return {
          operation: 'OAuth2_Configuration',
          answer: () => json(200, configuration(request.url.origin, tenant)),
        }
      }
      return undefined
    },
    check({ headers }, audience = managementAudience) {
      const [scheme, given = ''] = (headers['authorization'] ?? '').split(' ')
      if (scheme !== 'Bearer')
        throw new Refusal(
          401,
          'AuthenticationFailed',
          "Authentication failed. The 'Authorization' header is missing.",
        )
      const [head = '', claims = '', signature = ''] = given.split('.')
      if (!same(signature, sign(`${head}.${claims}`))) {
        throw new Refusal(401, 'InvalidAuthenticationToken', 'The access token is invalid.')
      }
      const { exp, aud } = JSON.parse(Buffer.from(claims, 'base64url').toString()) as {
        exp: number
        aud: string
      }
      if (aud !== audience)
        throw new Refusal(
          401,
          'InvalidAuthenticationTokenAudience',
          `The access token has been obtained for wrong audience or resource '${aud}'. It should exactly match with one of the allowed audiences '${audience}'.`,
        )
      if (exp * 1000 < Date.now()) {
        throw new Refusal(
          401,
          'ExpiredAuthenticationToken',
          `The access token expiry UTC time '${new Date(exp * 1000).toISOString()}' is earlier than current UTC time.`,
        )
      }
    },
  }
}

const same = (a: string, b: string): boolean =>
  a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b))

function refuse(status: number, error: string, code: number, message: string): PlainReply {
  const [traceId, correlationId] = [randomUUID(), randomUUID()]
  return json(status, {
    error,
    error_description: `AADSTS${code}: ${message} Trace ID: ${traceId} Correlation ID: ${correlationId} Timestamp: ${new Date().toISOString()}`,
    error_codes: [code],
    trace_id: traceId,
    correlation_id: correlationId,
  })
}

const configuration = (origin: string, tenant: string) => ({
  issuer: `${origin}/${tenant}/v2.0`,
  authorization_endpoint: `${origin}/${tenant}/oauth2/v2.0/authorize`,
  token_endpoint: `${origin}/${tenant}/oauth2/v2.0/token`,
  end_session_endpoint: `${origin}/${tenant}/oauth2/v2.0/logout`,
  jwks_uri: `${origin}/${tenant}/discovery/v2.0/keys`,
  token_endpoint_auth_methods_supported: ['client_secret_post'],
  response_types_supported: ['code'],
  scopes_supported: ['openid'],
})
