import { createBudgets } from '#shared/clouds/azure/client/budgets.ts'
import { createBlobs, type Blobs } from '#shared/clouds/azure/client/blobs.ts'
import { createCredential } from '#shared/clouds/azure/client/credential.ts'
import { createPlainSend, type ArmMethod } from '#shared/clouds/azure/client/plain.ts'
import { createSdks, type Sdks } from '#shared/clouds/azure/client/sdks.ts'
import { createTransport } from '#shared/clouds/azure/client/transport.ts'
import { toCloudError } from '#shared/clouds/azure/errors.ts'
import type { AzureSettings } from '#shared/clouds/azure/settings.ts'
import type { CallRecorder } from '#shared/clouds/calls/recorder.ts'
import { CloudError } from '#shared/clouds/errors.ts'
import type { HealthReport } from '#shared/clouds/port.ts'
import { beforeCall, callSignal } from '#shared/clouds/scope.ts'
import { createCallWatch } from '#shared/clouds/watch.ts'

/** The SDK clients of one provider, and the only ways in which the facets call them. */
export interface AzureClient extends Sdks, Blobs {
  readonly settings: AzureSettings
  /** A plain request to Azure Resource Manager, for what the SDKs at hand do not cover. `path` starts with a slash. */
  arm(operation: string, method: ArmMethod, path: string, apiVersion: string, body?: object): Promise<unknown>
  /** The same for lists: every item of every page. */
  armPages(operation: string, path: string, apiVersion: string): AsyncIterable<unknown>
  /** A plain request to a full address under Azure Resource Manager, such as a next page's. @throws CloudError `cloud_error` for one elsewhere. */
  armAt(operation: string, method: ArmMethod, url: string, body?: object): Promise<unknown>
  /** A page of the public price list; no token is sent. */
  pricePage(operation: string, url: string): Promise<unknown>
  /** Runs one SDK call; its errors come out as CloudErrors. */
  call<T>(operation: string, work: () => PromiseLike<T>): Promise<T>
  /** The same, with undefined for what does not exist. */
  find<T>(operation: string, work: () => PromiseLike<T>): Promise<T | undefined>
  /** All items of all pages. */
  pages<T>(operation: string, open: () => AsyncIterable<T>): AsyncIterable<T>
  /** Starts a long-running operation and returns once Azure has accepted it. */
  submit(operation: string, start: () => LongRunning<unknown>): Promise<void>
  /** Starts one and waits for its end. */
  finish<T>(operation: string, start: (pace: Pace) => LongRunning<T>): Promise<T>
  /** How the calls to Azure Resource Manager went. */
  health(): HealthReport
  close(): void
}

/** What is used of an SDK's poller. It sends the first request when it is first asked for something. */
export interface LongRunning<T> {
  submitted(): Promise<void>
  pollUntilDone(options?: { abortSignal?: AbortSignal }): Promise<T>
}

/** Given to an SDK call whose end is waited for; Azure's own Retry-After goes before it. */
export interface Pace {
  updateIntervalInMs: number
}

/**
 * Connects to one subscription; sends nothing yet, and loads each SDK at its first use. Calls to Azure Resource Manager share one watch, since
 * Azure counts them per subscription; the data plane of storage and the price list, which have limits of their own, have theirs.
 */
export async function connect(settings: AzureSettings): Promise<AzureClient> {
  const transport = await createTransport({ caPem: settings.caPem, timeoutMs: settings.requestTimeoutMs })
  const watch = (calls?: CallRecorder) => createCallWatch({ absorbMs: settings.throttleWaitMs, calls })
  const [control, data, list] = [watch(settings.calls), watch(), watch()]
  const credential = createCredential(settings, transport.through())
  const resourceManager = transport.through(control, createBudgets({ absorbMs: settings.throttleWaitMs }))
  const sdks = createSdks(settings, credential, resourceManager)
  const send = createPlainSend(settings, credential, resourceManager)
  const sendPublic = createPlainSend(settings, undefined, transport.through(list))

  const call = async <T>(operation: string, work: () => PromiseLike<T>): Promise<T> => {
    try {
      beforeCall()
      return await orAborted(work(), callSignal())
    } catch (error) {
      throw toCloudError(operation, error)
    }
  }
  const untilDone = <T>(poller: LongRunning<T>) => {
    const abortSignal = callSignal()
    return poller.pollUntilDone(abortSignal ? { abortSignal } : {})
  }
  const client: AzureClient = {
    settings,
    ...sdks,
    ...createBlobs(settings, credential, transport.through(data)),
    call,
    arm: (operation, method, path, apiVersion, body) =>
      client.armAt(operation, method, versioned(settings, path, apiVersion), body),
    async *armPages(operation, path, apiVersion) {
      let next: string | undefined = versioned(settings, path, apiVersion)
      while (next !== undefined) {
        const page = (await client.armAt(operation, 'GET', next)) as Page
        yield* page.value ?? []
        next = page.nextLink || undefined
      }
    },
    armAt: (operation, method, url, body) =>
      call(operation, () => {
        // The token goes along: only Azure Resource Manager may see it, whatever a reply says where its next page is.
        if (new URL(url).origin !== new URL(settings.managementUrl).origin) throw elsewhere(operation, url)
        return send(operation, { method, url, ...(body === undefined ? {} : { body }) })
      }),
    pricePage: (operation, url) => call(operation, () => sendPublic(operation, { method: 'GET', url })),
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
        beforeCall()
        yield* open()
      } catch (error) {
        throw toCloudError(operation, error)
      }
    },
    submit: (operation, start) => call(operation, () => start().submitted()),
    finish: (operation, start) =>
      call(operation, () => untilDone(start({ updateIntervalInMs: settings.pollMs }))),
    health: () => control.report(),
    close: () => transport.close(),
  }
  return client
}

interface Page {
  value?: unknown[]
  nextLink?: string | null
}

const versioned = ({ managementUrl }: AzureSettings, path: string, apiVersion: string): string =>
  `${managementUrl}${path}${path.includes('?') ? '&' : '?'}api-version=${apiVersion}`

const elsewhere = (operation: string, url: string): CloudError =>
  new CloudError(`Azure names ${new URL(url).origin} as where ${operation} goes on.`, {
    cloud: 'azure',
    operation,
    code: 'cloud_error',
    remedy: 'Check endpoints.management of the provider.',
  })

/** A cancelled step waits for nothing: not for a token that is shared with others, nor for the next look at an operation. */
async function orAborted<T>(work: PromiseLike<T>, signal: AbortSignal | undefined): Promise<T> {
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
