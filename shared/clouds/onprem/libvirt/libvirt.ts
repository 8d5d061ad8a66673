import type { HypervisorHost } from '#shared/clouds/onprem/host.ts'
import type { HostSettings } from '#shared/clouds/onprem/settings.ts'
import { openConnection, type LibvirtContext } from './connection.ts'
import { createFacts } from './facts.ts'
import type { Parts } from './machines/base.ts'
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
  const parts = {
    host,
    volumes,
    networks: createNetworks(host),
    records: createRecords(host),
    facts,
  }
  const opened: HypervisorHost = {
    name: host.name,
    driver: 'libvirt',
    facts,
    records: parts.records,
    machines: createMachines(parts, (other) => peers.get(other)),
    volumes,
    networks: parts.networks,
    close: () => host.close(),
  }
  peers.set(opened, parts)
  return opened
}

/** What is behind the hosts that this process has opened, for what goes on between two of them. */
const peers = new WeakMap<HypervisorHost, Parts>()
