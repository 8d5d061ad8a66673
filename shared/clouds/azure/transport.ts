import { Agent } from 'node:https'
import type { HttpClient, PipelineRequest, PipelineResponse } from '@azure/core-rest-pipeline'
import { errorOfResponse, timedOut } from '#shared/clouds/azure/errors.ts'
import { beforeCall, callSignal } from '#shared/clouds/scope.ts'

/** Sends the requests of every Azure SDK. */
export interface Transport extends HttpClient {
  close(): void
}

/**
 * The last thing before the wire, below all policies of all SDKs and so passed on every retry:
 * - asks `beforeCall` whether the worker still holds its step, and ties the request to the step's signal;
 * - gives the attempt a deadline, since an SDK alone would wait for ever on a connection that fell silent;
 * - answers throttling with an error at once, because waiting out Retry-After belongs to the queue and not to a worker's slot;
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
  const agent = new Agent({
    keepAlive: true,
    maxSockets: 64,
    // Not as `ca`: the agent would join all authorities into a key for every single request (a third of its time, measured).
    ...(caPem === undefined
      ? {}
      : { secureContext: createSecureContext({ ca: [...rootCertificates, caPem] }) }),
  })

  return {
    async sendRequest(request) {
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
      if (response.status === 429) throw errorOfResponse(nameOf(request), response)
      return response
    },
    close: () => agent.destroy(),
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
    throw error
  } finally {
    // A retry takes the same request again: a deadline that has passed must not stick to it.
    if (given === undefined) delete request.abortSignal
    else request.abortSignal = given
  }
}

/** e.g. `PUT virtualMachines/nc-1`; never the query, which may hold a signature. */
const nameOf = (request: PipelineRequest): string =>
  `${request.method} ${new URL(request.url).pathname.split('/').slice(-2).join('/')}`
