import type { HostNetworks, MachineSpec } from '#shared/clouds/onprem/host.ts'
import type { LibvirtHost } from '#shared/clouds/onprem/libvirt/connection.ts'
import { presentBridges } from './bridges.ts'
import { dropFilters, ensureFilters, removeFilter, setFilter } from './filters.ts'
import { createNat, natNetworks, removeNat } from './nat.ts'

/** Networks of a libvirt host, and what machines need of them. */
export interface LibvirtNetworks extends HostNetworks {
  /** Makes the filter of each of a machine's interfaces, of the groups that it names; undefined where none can bind. */
  filtersOf(spec: MachineSpec): Promise<(string | undefined)[]>
  /** When the machine goes. */
  dropFiltersOf(spec: MachineSpec): Promise<void>
}

export const createNetworks = (host: LibvirtHost): LibvirtNetworks => ({
  bridges: () => presentBridges(host),
  createNat: (id, wishes) => createNat(host, id, wishes),
  removeNat: (id) => removeNat(host, id),
  natNetworks: () => natNetworks(host),
  setFilter: (groupId, rules) => setFilter(host, groupId, rules),
  removeFilter: (groupId) => removeFilter(host, groupId),
  filtersOf: (spec) => ensureFilters(host, spec),
  dropFiltersOf: (spec) => dropFilters(host, spec),
})
