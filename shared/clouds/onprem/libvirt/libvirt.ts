import type { HypervisorHost } from '#shared/clouds/onprem/host.ts'
import type { HostSettings } from '#shared/clouds/onprem/settings.ts'
import { openConnection, type LibvirtContext } from './connection.ts'
import { createFacts } from './facts.ts'
import { createMachines } from './machines/machines.ts'
import { createNetworks } from './networks/networks.ts'
import { createRecords } from './records.ts'
import { createVolumes } from './volumes/volumes.ts'

/**
 * A host that runs libvirt, local or behind ssh. Everything goes through its daemon by `virsh`, so nothing of ours needs to be installed there.
 * Makes no call itself.
 */
export function openLibvirtHost(settings: HostSettings, context: LibvirtContext): HypervisorHost {
  const host = openConnection(settings, context)
  const facts = createFacts(host)
  const volumes = createVolumes(host)
  const networks = createNetworks(host)
  return {
    name: host.name,
    driver: 'libvirt',
    facts,
    records: createRecords(host),
    machines: createMachines({ host, volumes, networks, facts }),
    volumes,
    networks,
    close: () => host.close(),
  }
}
