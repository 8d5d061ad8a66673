import type { JWT } from 'google-auth-library'
import { endpointOf, type GcpSettings } from '#shared/clouds/gcp/settings.ts'
import { currentOperation, type Fetch } from '#shared/clouds/gcp/wire.ts'

/** The service account's way to its tokens. */
export interface Signer {
  token(renew: boolean): Promise<string>
  /** The client of Google's library, for SDKs that want one; all its requests go over our wire. */
  auth: JWT
}

/**
 * Signs in with a service account's key (RFC 7523), by Google's own library. A token serves every step of the process and waiting requests share one
 * fetch, so it is fetched outside of any step's scope.
 */
export async function createSigner(
  settings: GcpSettings,
  wire: () => { plain: Fetch; fetch: Fetch },
): Promise<Signer> {
  const { JWT, gaxios } = await import('google-auth-library')
  const transporter = new gaxios.Gaxios({
    fetchImplementation: (url, init) => wire().fetch(addressOf(url), init),
  })
  const request = transporter.request.bind(transporter)
  const tokenUrl = `${endpointOf(settings, 'token')}/token`
  type Options = Parameters<typeof request>[0]
  const exchange = (options: Options) =>
    currentOperation.run('oauth2.token', async () => {
      const response = await wire().plain(tokenUrl, {
        method: 'POST',
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
        body: options?.data instanceof URLSearchParams ? options.data : '',
      })
      return Object.assign(response, { config: options, data: await response.json() })
    })
  Object.assign(transporter, {
    request: (options: Options) => (isExchange(options) ? exchange(options) : request(options)),
  })

  const { client_email: email, private_key: key, project_id: projectId } = settings.credentials
  const auth = new JWT({ email, key, projectId, scopes: [scope], transporter })
  return {
    auth,
    async token(renew) {
      if (renew) auth.setCredentials({ refresh_token: 'jwt-placeholder', expiry_date: 1 })
      const { token } = await auth.getAccessToken()
      return token ?? ''
    },
  }
}

const scope = 'https://www.googleapis.com/auth/cloud-platform'

const addressOf = (target: string | URL | Request): string | URL =>
  target instanceof Request ? target.url : target

/** The library's address of the token service is fixed; the registration's own takes its place. */
const isExchange = (options: { url?: string | URL } | undefined): boolean =>
  String(options?.url) === 'https://oauth2.googleapis.com/token'
