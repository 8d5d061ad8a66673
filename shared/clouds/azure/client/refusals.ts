import type { PipelineRequest, PipelineResponse } from '@azure/core-rest-pipeline'

/**
 * What Azure said in refusing a request. The SDKs' own errors lose it in places (of a page of a list they tell the status alone), but name the
 * request.
 */
const refusals = new WeakMap<PipelineRequest, PipelineResponse>()

export function rememberRefusal(request: PipelineRequest, response: PipelineResponse): void {
  if (response.status >= 400) refusals.set(request, response)
}

export const refusalOf = (request: unknown): PipelineResponse | undefined =>
  typeof request === 'object' && request !== null ? refusals.get(request as PipelineRequest) : undefined
