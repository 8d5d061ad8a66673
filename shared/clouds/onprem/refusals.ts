import { CloudError, type CloudErrorFacts } from '#shared/clouds/errors.ts'

/** A refusal of the provider itself, not of a hypervisor: what happened, why, and what to do. `operation` is the port's, e.g. `compute.create`. */
export const refusal = (
  operation: string,
  message: string,
  facts: Omit<CloudErrorFacts, 'cloud' | 'operation'>,
): CloudError => new CloudError(message, { cloud: 'on-premise', operation, ...facts })

/** For a thing that the caller names and no host of the region knows. */
export const notFound = (operation: string, what: string, { region, id }: { region: string; id: string }) =>
  refusal(operation, `There is no ${what} ${id} at ${region}.`, { code: 'not_found' })
