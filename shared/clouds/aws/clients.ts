import type { CloudWatch } from '@aws-sdk/client-cloudwatch'
import type { CostExplorer } from '@aws-sdk/client-cost-explorer'
import type { EBS } from '@aws-sdk/client-ebs'
import type { EC2 } from '@aws-sdk/client-ec2'
import type { KMS } from '@aws-sdk/client-kms'
import type { Pricing } from '@aws-sdk/client-pricing'
import type { S3 } from '@aws-sdk/client-s3'
import type { ServiceQuotas } from '@aws-sdk/client-service-quotas'
import type { STS } from '@aws-sdk/client-sts'
import type { NodeHttpHandler } from '@smithy/node-http-handler'
import manifest from '#package.json' with { type: 'json' }
import { retriesOf } from '#shared/clouds/aws/client/retries.ts'
import { createTransport } from '#shared/clouds/aws/client/transport.ts'
import { toCloudError } from '#shared/clouds/aws/errors.ts'
import { homeRegion, type AwsService, type AwsSettings } from '#shared/clouds/aws/settings.ts'
import type { HealthReport } from '#shared/clouds/port.ts'
import { callSignal } from '#shared/clouds/scope.ts'
import { createCallWatch, type CallWatch } from '#shared/clouds/watch.ts'

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

/** The services of one account, each loaded at its first call. Every failure is a CloudError, or what the call scope threw. */
export interface AwsClients {
  readonly settings: AwsSettings
  readonly homeRegion: string
  ec2: Call<EC2>
  /** Sends once and never again by itself: for operations without an idempotency token. */
  ec2Once: Call<EC2>
  ebs: Call<EBS>
  s3: Call<S3>
  cloudwatch: Call<CloudWatch>
  /** The price list is served in few regions, for all; so the region is left out. */
  pricing: GlobalCall<Pricing>
  costExplorer: GlobalCall<CostExplorer>
  serviceQuotas: Call<ServiceQuotas>
  sts: Call<STS>
  kms: Call<KMS>
  /** What this process saw of the account's control planes. */
  report(): HealthReport
  close(): void
}

export type GlobalCall<Client> = <T>(
  operation: string,
  send: (client: Client, options: SendOptions) => Promise<T>,
) => Promise<T>

/** The clients of one account. Loads nothing and makes no call. */
export function createClients(settings: AwsSettings): AwsClients {
  const watch = createCallWatch({ absorbMs: settings.options.throttle_wait_ms, calls: settings.calls })
  let transport: Promise<NodeHttpHandler> | undefined
  const caches: { close(): void }[] = []

  const serve = <Client extends { destroy(): void }>(
    service: AwsService,
    load: () => Promise<(config: ClientConfig) => Client>,
    maxAttempts: number,
  ): Call<Client> => {
    const clients = perRegion(async (region) => {
      const [create, requestHandler] = await Promise.all([load(), (transport ??= createTransport(settings))])
      return create(configure(settings, { service, region, requestHandler, maxAttempts }))
    })
    caches.push(clients)
    return caller(clients.of, watch)
  }
  const ec2 = async () => {
    const { EC2 } = await import('@aws-sdk/client-ec2')
    return (config: ClientConfig) => new EC2(config)
  }

  return {
    settings,
    homeRegion: homeRegion(settings),
    // Two attempts ride out a cut connection; anything longer is the runner's to decide, which sees the whole account.
    ec2: serve('ec2', ec2, 2),
    ec2Once: serve('ec2', ec2, 1),
    ebs: serve(
      'ebs',
      async () => {
        const { EBS } = await import('@aws-sdk/client-ebs')
        return (config) => new EBS(config)
      },
      // Thousands of block calls make one chunk copy; one more attempt here saves the copier a back-off of seconds.
      3,
    ),
    s3: serve(
      's3',
      async () => {
        const { S3 } = await import('@aws-sdk/client-s3')
        // Host names of buckets exist under the vendor's own domain alone.
        const forcePathStyle = settings.endpoints.s3 !== undefined
        return (config) => new S3({ ...config, forcePathStyle })
      },
      3,
    ),
    cloudwatch: serve(
      'cloudwatch',
      async () => {
        const { CloudWatch } = await import('@aws-sdk/client-cloudwatch')
        return (config) => new CloudWatch(config)
      },
      2,
    ),
    pricing: inRegion(
      globalRegion,
      serve(
        'pricing',
        async () => {
          const { Pricing } = await import('@aws-sdk/client-pricing')
          return (config) => new Pricing(config)
        },
        2,
      ),
    ),
    costExplorer: inRegion(
      globalRegion,
      serve(
        'ce',
        async () => {
          const { CostExplorer } = await import('@aws-sdk/client-cost-explorer')
          return (config) => new CostExplorer(config)
        },
        2,
      ),
    ),
    serviceQuotas: serve(
      'servicequotas',
      async () => {
        const { ServiceQuotas } = await import('@aws-sdk/client-service-quotas')
        return (config) => new ServiceQuotas(config)
      },
      2,
    ),
    sts: serve(
      'sts',
      async () => {
        const { STS } = await import('@aws-sdk/client-sts')
        return (config) => new STS(config)
      },
      2,
    ),
    kms: serve(
      'kms',
      async () => {
        const { KMS } = await import('@aws-sdk/client-kms')
        return (config) => new KMS(config)
      },
      2,
    ),
    report: watch.report,
    close() {
      for (const cache of caches) cache.close()
      void transport?.then((handler) => handler.destroy())
    },
  }
}

/** Where the price list and Cost Explorer are served: their endpoints' reference pages. */
const globalRegion = 'us-east-1'

type ClientConfig = ReturnType<typeof configure>

function configure(
  settings: AwsSettings,
  {
    service,
    region,
    requestHandler,
    maxAttempts,
  }: { service: AwsService; region: string; requestHandler: NodeHttpHandler; maxAttempts: number },
) {
  const { credentials, endpoints, workerId } = settings
  const endpoint = endpoints[service]
  return {
    region,
    requestHandler,
    maxAttempts,
    retryStrategy: retriesOf(maxAttempts),
    customUserAgent: [
      ['novacron', manifest.version] as [string, string],
      ['novacron-worker', workerId] as [string, string],
    ],
    credentials: {
      accessKeyId: credentials.access_key_id,
      secretAccessKey: credentials.secret_access_key,
      ...(credentials.session_token === undefined ? {} : { sessionToken: credentials.session_token }),
    },
    ...(endpoint === undefined ? {} : { endpoint: endpoint.replace('{region}', region) }),
  }
}

function perRegion<Client extends { destroy(): void }>(create: (region: string) => Promise<Client>) {
  const clients = new Map<string, Promise<Client>>()
  return {
    of(region: string): Promise<Client> {
      const known = clients.get(region)
      if (known) return known
      const client = create(region)
      clients.set(region, client)
      return client
    },
    close() {
      for (const client of clients.values()) void client.then((one) => one.destroy())
      clients.clear()
    },
  }
}

function caller<Client>(clientOf: (region: string) => Promise<Client>, watch: CallWatch): Call<Client> {
  return async (region, operation, send, signal) => {
    const client = await clientOf(region)
    return watch.run(operation, async () => {
      const signals = [...new Set([callSignal(), signal])].filter((candidate) => candidate !== undefined)
      const abortSignal = signals.length > 1 ? AbortSignal.any(signals) : signals[0]
      abortSignal?.throwIfAborted()
      try {
        return await send(client, abortSignal === undefined ? {} : { abortSignal })
      } catch (error) {
        abortSignal?.throwIfAborted()
        throw toCloudError(error, operation, region)
      }
    })
  }
}

const inRegion =
  <Client>(region: string, call: Call<Client>): GlobalCall<Client> =>
  (operation, send) =>
    call(region, operation, send)
