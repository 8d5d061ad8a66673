import type { HostsFacet } from '#shared/clouds/facets/hosts.ts'
import type { CloudType } from '#shared/clouds/facets/terms.ts'
import {
  assertCapable,
  type Capabilities,
  type Capability,
  type Operation,
} from '#shared/clouds/operations.ts'

/** Of hosts of the user’s own. */
export type HostOperation = Extract<Operation, `hosts.${string}`>

/** What a cloud declares whose hosts are the vendor's own business. */
export const hostsLacking = (vendor: string): Record<HostOperation, Capability> => {
  const lacking = { lacking: `The hosts are ${vendor}’s, and it places and moves VMs on them itself.` }
  return { 'hosts.list': lacking, 'hosts.setMaintenance': lacking, 'hosts.relocate': lacking }
}

/** The facet of such a cloud: everything is refused with the declared reason. */
export function noHosts(type: CloudType, declared: Capabilities): HostsFacet {
  const refuse = async (operation: HostOperation): Promise<never> => {
    assertCapable(type, declared, operation)
    throw new Error(`${type} declares ${operation} and has no adapter for it`)
  }
  return {
    list: () => ({ [Symbol.asyncIterator]: () => ({ next: () => refuse('hosts.list') }) }),
    setMaintenance: () => refuse('hosts.setMaintenance'),
    relocate: () => refuse('hosts.relocate'),
  }
}
