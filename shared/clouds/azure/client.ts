import type { ComputeManagementClient } from '@azure/arm-compute'
import type { NetworkManagementClient } from '@azure/arm-network'
import type { PipelinePolicy } from '@azure/core-rest-pipeline'
import type { PageBlobClient } from '@azure/storage-blob'
import { createCredential } from '#shared/clouds/azure/credential.ts'
import { errorOfResponse, toCloudError } from '#shared/clouds/azure/errors.ts'
import type { AzureSettings } from '#shared/clouds/azure/settings.ts'
import { createTransport } from '#shared/clouds/azure/transport.ts'
import { CloudError } from '#shared/clouds/errors.ts'
import { beforeCall, callSignal } from '#shared/clouds/scope.ts'

/** The SDK clients of one provider, and the only ways in which the facets call them. */
export interface AzureClient {
  readonly settings: AzureSettings
  readonly compute: ComputeManagementClient
  readonly network: NetworkManagementClient
  /** A page blob behind an access signature. */
  blob(accessUrl: string): PageBlobClient
  /** A plain request to Azure Resource Manager, for what the SDKs at hand do not cover. `path` starts with a slash. */
  arm(
    operation: string,
    method: 'GET' | 'PUT',
    path: string,
    apiVersion: string,
    body?: object,
  ): Promise<unknown>
  /** Runs one SDK call; its errors come out as CloudErrors. */
  call<T>(operation: string, work: () => Promise<T>): Promise<T>
  /** The same, with undefined for what does not exist. */
  find<T>(operation: string, work: () => Promise<T>): Promise<T | undefined>
  /** All items of all pages. */
  pages<T>(operation: string, open: () => AsyncIterable<T>): AsyncIterable<T>
  /** Starts a long-running operation and returns once Azure has accepted it. */
  submit(operation: string, start: () => LongRunning<unknown>): Promise<void>
  /** Starts one and waits for its end. */
  finish<T>(operation: string, start: (pace: Pace) => LongRunning<T>): Promise<T>
  close(): void
}

/** What is used of an SDK's poller. It sends the first request when made. */
export interface LongRunning<T> {
  submitted(): Promise<void>
  pollUntilDone(options?: { abortSignal?: AbortSignal }): Promise<T>
}

/** Given to an SDK call whose end is waited for; Azure's own Retry-After goes before it. */
export interface Pace {
  updateIntervalInMs: number
}

/** Loads the SDKs (0.5 s and some 100 MiB, hence only here) and connects them. Sends nothing. */
export async function connect(settings: AzureSettings): Promise<AzureClient> {
  const [{ ComputeManagementClient }, { NetworkManagementClient }, storage, { createPipelineRequest }] =
    await Promise.all([
      import('@azure/arm-compute'),
      import('@azure/arm-network'),
      import('@azure/storage-blob'),
      import('@azure/core-rest-pipeline'),
    ])
  const transport = await createTransport({ caPem: settings.caPem, timeoutMs: settings.requestTimeoutMs })
  const credential = await createCredential(settings, transport)
  const options = {
    endpoint: settings.managementUrl,
    credentials: { scopes: [settings.tokenScope] },
    userAgentOptions: { userAgentPrefix: settings.userAgent },
    retryOptions: { maxRetries: 2, retryDelayInMs: 200, maxRetryDelayInMs: 2000 },
    httpClient: transport,
    additionalPolicies: [{ policy: guardPolicy, position: 'perCall' as const }],
  }
  const compute = new ComputeManagementClient(credential, settings.subscriptionId, options)
  const network = new NetworkManagementClient(credential, settings.subscriptionId, options)

  const call = async <T>(operation: string, work: () => Promise<T>): Promise<T> => {
    try {
      return await orAborted(work(), callSignal())
    } catch (error) {
      throw toCloudError(operation, error)
    }
  }
  const untilDone = <T>(poller: LongRunning<T>) => {
    const abortSignal = callSignal()
    return poller.pollUntilDone(abortSignal ? { abortSignal } : {})
  }

  return {
    settings,
    compute,
    network,
    call,
    blob(accessUrl) {
      const pipeline = storage.newPipeline(new storage.AnonymousCredential(), {
        userAgentOptions: { userAgentPrefix: settings.userAgent },
        retryOptions: { maxTries: 3, retryDelayInMs: 200, maxRetryDelayInMs: 2000 },
      })
      // Its public `httpClient` option still means the interface of the SDK's previous generation, whose conversion loses the
      // request's identity; this is where the converted one would be kept. The conformance suite proves that it is used.
      Object.assign(pipeline, { _coreHttpClient: transport })
      return new storage.PageBlobClient(accessUrl, pipeline)
    },
    arm: (operation, method, path, apiVersion, body) =>
      call(operation, async () => {
        const request = createPipelineRequest({
          url: `${settings.managementUrl}${path}?api-version=${apiVersion}`,
          method,
          ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        })
        request.headers.set('content-type', 'application/json')
        const response = await compute.pipeline.sendRequest(transport, request)
        if (response.status >= 300) throw errorOfResponse(operation, response)
        return JSON.parse(response.bodyAsText || 'null') as unknown
      }),
    async find(operation, work) {
      try {
        return await call(operation, work)
      } catch (error) {
        if (error instanceof CloudError && error.code === 'not_found') return undefined
        throw error
      }
    },
    async *pages(operation, open) {
      try {
        yield* open()
      } catch (error) {
        throw toCloudError(operation, error)
      }
    },
    submit: (operation, start) => call(operation, () => start().submitted()),
    finish: (operation, start) =>
      call(operation, () => untilDone(start({ updateIntervalInMs: settings.pollMs }))),
    close: () => transport.close(),
  }
}

/** A cancelled step waits for nothing: not for a token that is shared with others, nor for the next look at an operation. */
async function orAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return work
  let onAbort: (() => void) | undefined
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(signal.reason as Error)
    if (signal.aborted) onAbort()
    else signal.addEventListener('abort', onAbort)
  })
  try {
    return await Promise.race([work, aborted])
  } finally {
    if (onAbort) signal.removeEventListener('abort', onAbort)
  }
}

/** Before the token is asked for; the transport asks again in the last moment, on every attempt. */
const guardPolicy: PipelinePolicy = {
  name: 'novacronGuardPolicy',
  sendRequest(request, next) {
    beforeCall()
    return next(request)
  },
}
