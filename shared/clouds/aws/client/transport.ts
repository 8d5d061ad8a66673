import { Agent as HttpAgent } from 'node:http'
import { Agent as HttpsAgent } from 'node:https'
import { getCACertificates } from 'node:tls'
import type { NodeHttpHandler } from '@smithy/node-http-handler'
import { CallRefused } from '#shared/clouds/aws/errors.ts'
import type { AwsSettings } from '#shared/clouds/aws/settings.ts'
import { beforeCall } from '#shared/clouds/scope.ts'

/** The connections of one account, shared by all its services. Asks the call scope in the last moment before a request leaves. */
export async function createTransport({ options }: AwsSettings): Promise<NodeHttpHandler> {
  const { NodeHttpHandler } = await import('@smithy/node-http-handler')
  const handler = new NodeHttpHandler({
    connectionTimeout: 5000,
    requestTimeout: options.request_timeout_ms,
    socketTimeout: options.request_timeout_ms,
    throwOnRequestTimeout: true,
    httpAgent: new HttpAgent({ keepAlive: true, maxSockets: maxConnections }),
    httpsAgent: new HttpsAgent({ keepAlive: true, maxSockets: maxConnections, ...trust(options.ca_pem) }),
  })

  // The last code before the wire: after signing, and again on every retry.
  const send = handler.handle.bind(handler)
  handler.handle = async (request, sendOptions) => {
    try {
      beforeCall()
    } catch (refusal) {
      throw new CallRefused(refusal)
    }
    return send(request, sendOptions)
  }
  return handler
}

/** Blocks of several disks are in flight at once; the SDK's default of 50 would queue them. */
const maxConnections = 128

/** Node's `ca` replaces the public authorities; a registration only adds one. */
const trust = (caPem: string | undefined) =>
  caPem === undefined ? {} : { ca: [...getCACertificates('default'), caPem] }
