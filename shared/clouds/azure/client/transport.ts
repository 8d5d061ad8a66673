import { Agent } from 'node:https'
import type { HttpClient, PipelineRequest, PipelineResponse } from '@azure/core-rest-pipeline'
import type { Budgets } from '#shared/clouds/azure/client/budgets.ts'
import { nameOf } from '#shared/clouds/azure/client/call-name.ts'
import { rememberRefusal } from '#shared/clouds/azure/client/refusals.ts'
import { errorOfResponse, timedOut, toCloudError } from '#shared/clouds/azure/errors.ts'
import { guarded } from '#shared/clouds/last-moment.ts'
import { beforeCall, callSignal } from '#shared/clouds/scope.ts'
import type { CallWatch } from '#shared/clouds/watch.ts'

/** Sends the requests of every Azure SDK. */
export interface Transport {
  /**
   * For the SDKs of one service. With a watch, its calls are paced, short throttling is waited out, and how they went is remembered; with budgets,
   * they keep within what the service says is left.
   */
  through(watch?: CallWatch, budgets?: Budgets): HttpClient
  close(): void
}

/**
 * The last thing before the wire, below all policies of all SDKs and so passed on every retry:
 * - asks `beforeCall` whether the worker still holds its step, once more when there is a connection, and ties the request to the step's signal;
 * - gives the attempt a deadline, since an SDK alone would wait for ever on a connection that fell silent;
 * - answers throttling that outlasts the watch's patience with an error at once, because the SDKs would wait out any Retry-After;
 * - trusts `caPem` beside the public authorities, on one pool of connections that `close` ends.
 * Errors that are not a RestError pass through the SDKs' retry policies untouched.
 */
export async function createTransport({
  caPem,
  timeoutMs,
}: {
  caPem: string | undefined
  timeoutMs: number
}): Promise<Transport> {
  const [{ createDefaultHttpClient }, { createSecureContext, rootCertificates }] = await Promise.all([
    import('@azure/core-rest-pipeline'),
    import('node:tls'),
  ])
  const wire = createDefaultHttpClient()
  const options = {
    keepAlive: true,
    maxSockets: 64,
    // Not as `ca`: the agent would join all authorities into a key for every single request (a third of its time, measured).
    ...(caPem === undefined
      ? {}
      : { secureContext: createSecureContext({ ca: [...rootCertificates, caPem] }) }),
  }
  const agent = guarded(new Agent(options))
  const send = async (request: PipelineRequest): Promise<PipelineResponse> => {
    beforeCall()
    const deadline = AbortSignal.timeout(timeoutMs)
    const signals = [deadline, callSignal(), request.abortSignal].filter((signal) => signal !== undefined)
    request.agent = agent
    const response = await attempt(
      wire,
      request,
      AbortSignal.any(signals as AbortSignal[]),
      deadline,
      timeoutMs,
    )
    rememberRefusal(request, response)
    if (isThrottled(response)) throw errorOfResponse(nameOf(request), response)
    return response
  }

  return {
    through: (watch, budgets) => ({
      async sendRequest(request) {
        const make = () => (watch ? watched(watch, request, send) : send(request))
        return budgets ? budgets.within(request, make) : make()
      },
    }),
    close: () => agent.destroy(),
  }
}

/** 429 everywhere; a storage account says it by 503. */
const isThrottled = ({ status, headers }: PipelineResponse): boolean =>
  status === 429 || (status === 503 && headers.get('x-ms-error-code') === 'ServerBusy')

/** The watch learns what became of the call in our terms; the SDK above gets the answer or the error as it was, to retry what it retries. */
async function watched(
  watch: CallWatch,
  request: PipelineRequest,
  send: (request: PipelineRequest) => Promise<PipelineResponse>,
): Promise<PipelineResponse> {
  let failure: { told: unknown; response?: PipelineResponse; error?: unknown } | undefined
  try {
    return await watch.run(countedAs(request), async () => {
      const response = await send(request).catch((error: unknown) => {
        failure = { told: toCloudError(nameOf(request), error), error }
        throw failure.told
      })
      if (response.status < 500) return response
      failure = { told: errorOfResponse(nameOf(request), response), response }
      throw failure.told
    })
  } catch (error) {
    if (failure?.told !== error) throw error
    if (failure?.response) return failure.response
    throw failure?.error
  }
}

async function attempt(
  wire: HttpClient,
  request: PipelineRequest,
  signal: AbortSignal,
  deadline: AbortSignal,
  timeoutMs: number,
): Promise<PipelineResponse> {
  const given = request.abortSignal
  request.abortSignal = signal
  try {
    return await wire.sendRequest(request)
  } catch (error) {
    if (deadline.aborted && !callSignal()?.aborted) throw timedOut(nameOf(request), timeoutMs, error)
    if (signal.aborted) throw signal.reason
    // Refused on its connection, it comes out as the failure of that: the guard knows better.
    beforeCall()
    throw error
  } finally {
    // A retry takes the same request again: a deadline that has passed must not stick to it.
    if (given === undefined) delete request.abortSignal
    else request.abortSignal = given
  }
}

/** e.g. `POST Microsoft.Compute/virtualMachines/start`: the types on the path, without the names that stand between them. */
function countedAs({ method, url }: PipelineRequest): string {
  const parts = new URL(url).pathname.split('/').slice(1)
  if (parts[0] !== 'subscriptions') return method
  const provider = parts.lastIndexOf('providers')
  const types = parts
    .slice(provider + 1)
    .filter((_, index) => index === 0 || index % 2 === (provider < 0 ? 0 : 1))
  return `${method} ${types.join('/')}`
}
