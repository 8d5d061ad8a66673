import type { HostFacts, HostRecords } from '#shared/clouds/onprem/host.ts'
import type { LibvirtHost } from '#shared/clouds/onprem/libvirt/connection.ts'
import type { LibvirtNetworks } from '#shared/clouds/onprem/libvirt/networks/networks.ts'
import type { LibvirtVolumes } from '#shared/clouds/onprem/libvirt/volumes/volumes.ts'

/** What the machines of a host are made with. */
export interface Parts {
  host: LibvirtHost
  volumes: LibvirtVolumes
  networks: LibvirtNetworks
  records: HostRecords
  /** Found out once. */
  facts: () => Promise<HostFacts>
}
