import type { Storage } from '@google-cloud/storage'
import type { GcpClient, RestRequest } from '#shared/clouds/gcp/client.ts'
import { currentOperation } from '#shared/clouds/gcp/wire.ts'
import { endpointOf } from '#shared/clouds/gcp/settings.ts'

/**
 * Makes one call of Cloud Storage by its SDK, loaded at its first use (0.2 s, 75 MB measured). `operation` as in Google's reference, e.g.
 * `storage.buckets.insert`; errors name it.
 */
export type Gcs = <T>(operation: string, work: (storage: Storage) => Promise<T>) => Promise<T>

/**
 * Cloud Storage of a project. The SDK makes the requests and reads the replies; they travel over the client's own wire, because the SDK's knows
 * neither an AbortSignal nor a private certificate authority, and would try again behind the back of the account's pacing.
 */
export function createGcs(gcp: GcpClient): Gcs {
  let loaded: Promise<Storage> | undefined
  return (operation, work) =>
    gcp.call(operation, async () =>
      work(
        await (loaded ??= load(gcp).catch((error: unknown) => {
          loaded = undefined
          throw error
        })),
      ),
    )
}

async function load(gcp: GcpClient): Promise<Storage> {
  const { Storage } = await import('@google-cloud/storage')
  const endpoint = endpointOf(gcp.settings, 'storage')
  const storage = new Storage({
    projectId: gcp.project,
    apiEndpoint: endpoint,
    authClient: gcp.auth,
    useAuthWithCustomEndpoint: true,
    retryOptions: { autoRetry: false, maxRetries: 0 },
  })
  return Object.assign(storage, {
    makeAuthenticatedRequest: (request: SdkRequest, done: Done) => void carry(gcp, endpoint, request, done),
  })
}

/** Makes a request of the SDK on our own wire. */
async function carry(gcp: GcpClient, endpoint: string, request: SdkRequest, done: Done): Promise<void> {
  let body: unknown
  try {
    body = await gcp.rest(currentOperation.getStore() ?? 'storage', restOf(endpoint, request))
  } catch (error) {
    done(error instanceof Error ? error : new Error(String(error)))
    return
  }
  done(null, body, { body })
}

/** What is used of the requests that the SDK makes. */
interface SdkRequest {
  method?: RestRequest['method']
  uri: string
  qs?: Record<string, string | number | boolean | undefined>
  json?: object
}

type Done = (error: Error | null, body?: unknown, response?: { body: unknown }) => void

function restOf(endpoint: string, { method = 'GET', uri, qs = {}, json }: SdkRequest): RestRequest {
  const query = Object.fromEntries(Object.entries(qs).filter(([name]) => !ofTheSdk.has(name)))
  return {
    method,
    service: 'storage',
    path: uri.slice(endpoint.length),
    query,
    ...(json === undefined ? {} : { body: json }),
  }
}

/** Options of the SDK that its own transport keeps off the wire, too. */
const ofTheSdk = new Set(['autoPaginate', 'autoPaginateVal', 'objectMode'])
