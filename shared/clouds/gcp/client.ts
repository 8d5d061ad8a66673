import type { protos } from '@google-cloud/compute'
import type { CallOptions } from 'google-gax'
import type { JWT } from 'google-auth-library'
import { isNotFound } from '#shared/clouds/errors.ts'
import { CallRefused, errorOfOperation, toCloudError } from '#shared/clouds/gcp/errors.ts'
import { lastPart } from '#shared/clouds/gcp/names.ts'
import { createServices, type ComputeServices } from '#shared/clouds/gcp/services.ts'
import { endpointOf, homeRegion, type GcpService, type GcpSettings } from '#shared/clouds/gcp/settings.ts'
import { createSigner } from '#shared/clouds/gcp/token.ts'
import { createWire, currentOperation } from '#shared/clouds/gcp/wire.ts'
import { beforeCall, callSignal } from '#shared/clouds/scope.ts'
import { createCallWatch, type CallWatch } from '#shared/clouds/watch.ts'

export type Operation = protos.google.cloud.compute.v1.IOperation

/** A request to a service by plain REST, for those whose SDK costs more than it gives. */
export interface RestRequest {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  service: GcpService
  /** Starts with a slash; its parts are encoded already. */
  path: string
  query?: Readonly<Record<string, string | number | boolean | undefined>>
  headers?: Readonly<Record<string, string>>
  /** An object is sent as JSON; bytes and streams as they are. */
  body?: object | Uint8Array | ReadableStream<Uint8Array>
}

/** The services of one project. Every failure is a CloudError, or what the call scope threw. */
export interface GcpClient {
  readonly settings: GcpSettings
  readonly project: string
  readonly homeRegion: string
  /** For SDKs that want Google's auth client (storage); all its requests are guarded, paced and mapped as ours. */
  readonly auth: JWT
  readonly watch: CallWatch
  /**
   * Makes one call of a Compute service, loaded at its first use. `operation` as in Google's reference, e.g. `compute.instances.insert`;
   * `once` are the call options to hand to the SDK: it is not to try again by itself.
   */
  compute<Name extends keyof ComputeServices, T>(
    service: Name,
    operation: string,
    work: (client: ComputeServices[Name], once: CallOptions) => Promise<T>,
  ): Promise<T>
  /** Runs anything that makes calls below it: their errors name `operation`. */
  call<T>(operation: string, work: () => Promise<T>): Promise<T>
  /** One authorised request; the reply with its body still to be read. 400 and above is thrown. */
  send(operation: string, request: RestRequest): Promise<Response>
  /** The same, with the reply parsed as JSON (undefined if empty). */
  rest(operation: string, request: RestRequest): Promise<unknown>
  /** Waits for a Compute operation to end, and throws what it failed of. Gives it as it was at its end. */
  finished(operation: string, started: Operation): Promise<Operation>
  close(): void
}

/** Connects to a project. Loads no service's SDK yet and sends nothing. */
export async function connect(settings: GcpSettings): Promise<GcpClient> {
  const { options } = settings
  const project = settings.credentials.project_id
  const watch = createCallWatch({ absorbMs: options.throttle_wait_ms, calls: settings.calls })
  const signer = await createSigner(settings, () => wire)
  const wire = await createWire({
    caPem: options.ca_pem,
    timeoutMs: options.request_timeout_ms,
    userAgent: settings.userAgent,
    watch,
    token: signer.token,
  })
  const { protocol, hostname, port } = new URL(endpointOf(settings, 'compute'))
  const service = createServices({
    // All that the library's REST transport asks of an auth client.
    authClient: Object.assign(signer.auth, { fetch: wire.fetch }),
    projectId: project,
    fallback: true,
    apiEndpoint: hostname,
    protocol: protocol.slice(0, -1),
    port: Number(port || (protocol === 'http:' ? 80 : 443)),
  })

  const call = async <T>(operation: string, work: () => Promise<T>): Promise<T> => {
    const signal = callSignal()
    signal?.throwIfAborted()
    try {
      beforeCall()
    } catch (refusal) {
      throw refusal instanceof CallRefused ? refusal.cause : refusal
    }
    try {
      return await currentOperation.run(operation, work)
    } catch (error) {
      signal?.throwIfAborted()
      throw toCloudError(operation, error)
    }
  }
  const send: GcpClient['send'] = (operation, request) =>
    call(operation, () => wire.fetch(addressOf(settings, request), initOf(request)))

  const compute: GcpClient['compute'] = (name, operation, work) =>
    call(operation, async () => work(await service(name), once))

  return {
    settings,
    project,
    homeRegion: homeRegion(settings),
    auth: signer.auth,
    watch,
    call,
    compute,
    send,
    rest: (operation, request) =>
      call(operation, async () => {
        const text = await (await wire.fetch(addressOf(settings, request), initOf(request))).text()
        return text === '' ? undefined : (JSON.parse(text) as unknown)
      }),
    async finished(operation, started) {
      for (let current = started; ; current = await waitFor(compute, project, current)) {
        if (current.status !== 'DONE') continue
        const errors = current.error?.errors ?? []
        if (errors.length === 0 && !current.httpErrorStatusCode) return current
        const { httpErrorStatusCode: status, name } = current
        throw errorOfOperation(operation, errors, { status: status ?? undefined, name: name ?? undefined })
      }
    },
    close: wire.close,
  }
}

/** What a call gives, or undefined for what does not exist. */
export async function orMissing<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work
  } catch (error) {
    if (isNotFound(error)) return undefined
    throw error
  }
}

const once: CallOptions = { retry: null }

/** One held request of `wait`: it returns when the operation ends, or after two minutes as it is then. */
async function waitFor(
  compute: GcpClient['compute'],
  project: string,
  { name, zone, region }: Operation,
): Promise<Operation> {
  const operation = name ?? ''
  if (zone) {
    return compute('ZoneOperations', 'compute.zoneOperations.wait', async (client, options) =>
      first(await client.wait({ project, zone: lastPart(zone), operation }, options)),
    )
  }
  if (region) {
    return compute('RegionOperations', 'compute.regionOperations.wait', async (client, options) =>
      first(await client.wait({ project, region: lastPart(region), operation }, options)),
    )
  }
  return compute('GlobalOperations', 'compute.globalOperations.wait', async (client, options) =>
    first(await client.wait({ project, operation }, options)),
  )
}

const first = ([operation]: readonly [Operation, ...unknown[]]): Operation => operation

function addressOf(settings: GcpSettings, { service, path, query = {} }: RestRequest): string {
  const url = new URL(`${endpointOf(settings, service)}${path}`)
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined) url.searchParams.append(name, String(value))
  }
  return url.href
}

function initOf({ method, headers = {}, body }: RestRequest): RequestInit {
  if (body === undefined) return { method, headers }
  if (body instanceof Uint8Array || body instanceof ReadableStream)
    return { method, headers, body: body as NonNullable<RequestInit['body']> }
  return { method, headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(body) }
}
