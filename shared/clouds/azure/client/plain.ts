import type { HttpClient } from '@azure/core-rest-pipeline'
import type { TokenCredential } from '@azure/identity'
import { guardPolicy, retryOptions } from '#shared/clouds/azure/client/sdks.ts'
import { errorOfResponse } from '#shared/clouds/azure/errors.ts'
import type { AzureSettings } from '#shared/clouds/azure/settings.ts'

export type ArmMethod = 'GET' | 'PUT' | 'PATCH' | 'POST' | 'DELETE'

/** Sends JSON requests without an SDK; throws CloudErrors for refusals, anything else as it came. */
export type PlainSend = (
  operation: string,
  request: { method: ArmMethod; url: string; body?: object },
) => Promise<unknown>

/** @param credential undefined for what is public. */
export function createPlainSend(
  settings: AzureSettings,
  credential: TokenCredential | undefined,
  httpClient: HttpClient,
): PlainSend {
  const open = async () => {
    const rest = await import('@azure/core-rest-pipeline')
    const pipeline = rest.createPipelineFromOptions({
      userAgentOptions: { userAgentPrefix: settings.userAgent },
      retryOptions,
    })
    pipeline.addPolicy(guardPolicy)
    if (credential)
      pipeline.addPolicy(
        rest.bearerTokenAuthenticationPolicy({ credential, scopes: [settings.tokenScope] }),
        { phase: 'Sign' },
      )
    return { pipeline, createRequest: rest.createPipelineRequest }
  }
  let opening: ReturnType<typeof open> | undefined

  return async (operation, { method, url, body }) => {
    const { pipeline, createRequest } = await (opening ??= open())
    const request = createRequest({
      url,
      method,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    request.headers.set('content-type', 'application/json')
    request.headers.set('accept', 'application/json')
    const response = await pipeline.sendRequest(httpClient, request)
    if (response.status >= 300) throw errorOfResponse(operation, response)
    return JSON.parse(response.bodyAsText || 'null') as unknown
  }
}
