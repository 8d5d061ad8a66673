import type { HostContext, HypervisorHost } from '#shared/clouds/onprem/host.ts'
import { createQemuHost, type QemuSettings } from '#shared/clouds/onprem/qemu/base.ts'
import { readFacts } from '#shared/clouds/onprem/qemu/facts.ts'
import { remember } from '#shared/clouds/onprem/qemu/inside.ts'
import { createMachines } from '#shared/clouds/onprem/qemu/machines/machines.ts'
import { createNetworks } from '#shared/clouds/onprem/qemu/networks/networks.ts'
import { createRecords } from '#shared/clouds/onprem/qemu/records.ts'
import { translated } from '#shared/clouds/onprem/qemu/translated.ts'
import { createVolumes } from '#shared/clouds/onprem/qemu/volumes/volumes.ts'

/** This machine as a host of guests, by QEMU alone: no daemon, and no root. Makes no call. */
export function openQemuHost(settings: QemuSettings, context: HostContext): HypervisorHost {
  const host = createQemuHost(settings, context)
  const hypervisor: HypervisorHost = {
    name: context.name,
    driver: 'qemu',
    facts: () => readFacts(host),
    records: translated(host, createRecords(host)),
    machines: translated(host, createMachines(host)),
    volumes: translated(host, createVolumes(host)),
    networks: translated(host, createNetworks(host)),
    close: () => undefined,
  }
  remember(hypervisor, host)
  return hypervisor
}
