import { Agent as HttpAgent } from 'node:http'
import { Agent as HttpsAgent } from 'node:https'
import { getCACertificates } from 'node:tls'
import type { NodeHttpHandler } from '@smithy/node-http-handler'
import { CallRefused } from '#shared/clouds/aws/errors.ts'
import type { AwsSettings } from '#shared/clouds/aws/settings.ts'
import { guarded } from '#shared/clouds/last-moment.ts'
import { beforeCall } from '#shared/clouds/scope.ts'

/** The connections of one account, shared by all its services. Asks the call scope before a request is handed over, and once more when it has its connection. */
export async function createTransport({ options }: AwsSettings): Promise<NodeHttpHandler> {
  const { NodeHttpHandler } = await import('@smithy/node-http-handler')
  const handler = new NodeHttpHandler({
    connectionTimeout: 5000,
    requestTimeout: options.request_timeout_ms,
    socketTimeout: options.request_timeout_ms,
    throwOnRequestTimeout: true,
    httpAgent: guarded(new HttpAgent({ keepAlive: true, maxSockets: maxConnections })),
    httpsAgent: guarded(
      new HttpsAgent({ keepAlive: true, maxSockets: maxConnections, ...trust(options.ca_pem) }),
    ),
  })

  // The last code of ours: after signing, and again on every retry.
  const send = handler.handle.bind(handler)
  handler.handle = async (request, sendOptions) => {
    guard()
    try {
      return await send(request, sendOptions)
    } catch (error) {
      // Refused on its connection, it comes out as the failure of that: the guard knows better.
      guard()
      throw error
    }
  }
  return handler
}

/** Asks the call scope; its refusal is marked, so that no SDK tries again. */
function guard(): void {
  try {
    beforeCall()
  } catch (refusal) {
    throw new CallRefused(refusal)
  }
}

/** Blocks of several disks are in flight at once; the SDK's default of 50 would queue them. */
const maxConnections = 128

/** Node's `ca` replaces the public authorities; a registration only adds one. */
const trust = (caPem: string | undefined) =>
  caPem === undefined ? {} : { ca: [...getCACertificates('default'), caPem] }
