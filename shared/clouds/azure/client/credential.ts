import type { HttpClient } from '@azure/core-rest-pipeline'
import type { TokenCredential } from '@azure/identity'
import { toCloudError } from '#shared/clouds/azure/errors.ts'
import type { AzureSettings } from '#shared/clouds/azure/settings.ts'
import { withCallScope } from '#shared/clouds/scope.ts'

/**
 * The application's credential. A token serves every step of the process, and the SDKs let waiting requests share one
 * fetch: so it is fetched outside of any step's scope, lest one step's lost lease or cancellation fail its neighbours.
 * The guard still holds: a request asks `beforeCall` before it asks for a token (see `guardPolicy`).
 */
export function createCredential(settings: AzureSettings, transport: HttpClient): TokenCredential {
  let lastFailure: unknown
  // The identity library replaces a connection's error by a bare "network_error"; this keeps the true one.
  const httpClient: HttpClient = {
    async sendRequest(request) {
      lastFailure = undefined
      try {
        return await transport.sendRequest(request)
      } catch (error) {
        lastFailure = error
        throw error
      }
    },
  }
  let opening: Promise<TokenCredential> | undefined
  const open = async () => {
    const { ClientSecretCredential } = await import('@azure/identity')
    return new ClientSecretCredential(settings.tenantId, settings.clientId, settings.clientSecret, {
      authorityHost: settings.authorityUrl,
      disableInstanceDiscovery: settings.privateAuthority,
      userAgentOptions: { userAgentPrefix: settings.userAgent },
      retryOptions: { maxRetries: 2, retryDelayInMs: 200, maxRetryDelayInMs: 2000 },
      httpClient,
    })
  }

  return {
    getToken: (scopes) =>
      withCallScope(
        { signal: AbortSignal.timeout(settings.requestTimeoutMs * 3), beforeCall: () => {} },
        async () => {
          try {
            return await (await (opening ??= open())).getToken(scopes)
          } catch (error) {
            throw toCloudError('sign in', lastFailure ?? error)
          }
        },
      ),
  }
}
