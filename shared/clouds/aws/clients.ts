import { Agent as HttpAgent } from 'node:http'
import { Agent as HttpsAgent } from 'node:https'
import { getCACertificates } from 'node:tls'
import type { EBS } from '@aws-sdk/client-ebs'
import type { EC2 } from '@aws-sdk/client-ec2'
import manifest from '#package.json' with { type: 'json' }
import { CallRefused, toCloudError } from '#shared/clouds/aws/errors.ts'
import { homeRegion, type AwsSettings } from '#shared/clouds/aws/settings.ts'
import { beforeCall, callSignal } from '#shared/clouds/scope.ts'

interface SendOptions {
  abortSignal?: AbortSignal
}

/** How a call is sent: the operation's name (for errors), then the SDK's own method with the options given to it. */
export type Call<Client> = <T>(
  region: string,
  operation: string,
  send: (client: Client, options: SendOptions) => Promise<T>,
  signal?: AbortSignal,
) => Promise<T>

/** The services of one account. Every failure is a CloudError, or what the call scope threw. */
export interface AwsClients {
  readonly settings: AwsSettings
  readonly homeRegion: string
  ec2: Call<EC2>
  /** Sends once and never again by itself: for operations without an idempotency token. */
  ec2Once: Call<EC2>
  ebs: Call<EBS>
  close(): void
}

/** Loads the SDKs and makes one client per service and region, at its first use. */
export async function createClients(settings: AwsSettings): Promise<AwsClients> {
  const [{ EC2 }, { EBS }, { NodeHttpHandler }] = await Promise.all([
    import('@aws-sdk/client-ec2'),
    import('@aws-sdk/client-ebs'),
    import('@smithy/node-http-handler'),
  ])
  const { credentials, endpoints, options: own } = settings

  const handler = new NodeHttpHandler({
    connectionTimeout: 5000,
    requestTimeout: own.request_timeout_ms,
    socketTimeout: own.request_timeout_ms,
    throwOnRequestTimeout: true,
    httpAgent: new HttpAgent({ keepAlive: true, maxSockets: maxConnections }),
    httpsAgent: new HttpsAgent({ keepAlive: true, maxSockets: maxConnections, ...trust(own.ca_pem) }),
  })

  // The last code before the wire: after signing, and again on every retry.
  const send = handler.handle.bind(handler)
  handler.handle = async (request, options) => {
    try {
      beforeCall()
    } catch (refusal) {
      throw new CallRefused(refusal)
    }
    return send(request, options)
  }

  const configure = (endpoint: string | undefined, maxAttempts: number) => (region: string) => ({
    region,
    maxAttempts,
    retryMode: 'standard',
    requestHandler: handler,
    customUserAgent: [
      ['novacron', manifest.version] as [string, string],
      ['novacron-worker', settings.workerId] as [string, string],
    ],
    credentials: {
      accessKeyId: credentials.access_key_id,
      secretAccessKey: credentials.secret_access_key,
      ...(credentials.session_token === undefined ? {} : { sessionToken: credentials.session_token }),
    },
    ...(endpoint === undefined ? {} : { endpoint: endpoint.replace('{region}', region) }),
  })

  // Two attempts ride out a cut connection; anything longer is the runner's to decide, which sees the whole account.
  const ec2 = perRegion(configure(endpoints.ec2, 2), (config) => new EC2(config))
  const ec2Once = perRegion(configure(endpoints.ec2, 1), (config) => new EC2(config))
  // Thousands of block calls make one chunk copy; one more attempt here saves the copier a back-off of seconds.
  const ebs = perRegion(configure(endpoints.ebs, 3), (config) => new EBS(config))

  return {
    settings,
    homeRegion: homeRegion(settings),
    ec2: caller(ec2.of),
    ec2Once: caller(ec2Once.of),
    ebs: caller(ebs.of),
    close() {
      for (const cache of [ec2, ec2Once, ebs]) cache.close()
      handler.destroy()
    },
  }
}

/** Blocks of several disks are in flight at once; the SDK's default of 50 would queue them. */
const maxConnections = 128

/** Node's `ca` replaces the public authorities; a registration only adds one. */
const trust = (caPem: string | undefined) =>
  caPem === undefined ? {} : { ca: [...getCACertificates('default'), caPem] }

function perRegion<Client extends { destroy(): void }, Config>(
  configure: (region: string) => Config,
  create: (config: Config) => Client,
) {
  const clients = new Map<string, Client>()
  return {
    of(region: string): Client {
      const known = clients.get(region)
      if (known) return known
      const client = create(configure(region))
      clients.set(region, client)
      return client
    },
    close() {
      for (const client of clients.values()) client.destroy()
      clients.clear()
    },
  }
}

function caller<Client>(clientOf: (region: string) => Client): Call<Client> {
  return async (region, operation, send, signal) => {
    const signals = [...new Set([callSignal(), signal])].filter((candidate) => candidate !== undefined)
    const abortSignal = signals.length > 1 ? AbortSignal.any(signals) : signals[0]
    abortSignal?.throwIfAborted()
    try {
      return await send(clientOf(region), abortSignal === undefined ? {} : { abortSignal })
    } catch (error) {
      abortSignal?.throwIfAborted()
      throw toCloudError(error, operation, region)
    }
  }
}
