import type { PipelineRequest } from '@azure/core-rest-pipeline'

/** What a request is called in errors, e.g. `PUT virtualMachines/nc-1`; never the query, which may hold a signature. */
export const nameOf = (request: Pick<PipelineRequest, 'method' | 'url'>): string =>
  `${request.method} ${new URL(request.url).pathname.split('/').slice(-2).join('/')}`
