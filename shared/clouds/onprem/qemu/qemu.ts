import { HostError } from '#shared/clouds/onprem/gate.ts'
import type { HostContext, HypervisorHost } from '#shared/clouds/onprem/host.ts'
import { createQemuHost, type QemuHost, type QemuSettings } from '#shared/clouds/onprem/qemu/base.ts'
import { readFacts } from '#shared/clouds/onprem/qemu/facts.ts'
import { createMachines } from '#shared/clouds/onprem/qemu/machines/machines.ts'
import { createNetworks } from '#shared/clouds/onprem/qemu/networks/networks.ts'
import { createRecords } from '#shared/clouds/onprem/qemu/records.ts'
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
  insides.set(hypervisor, host)
  return hypervisor
}

/** What is behind a host of this driver, for what goes between two of them; undefined for another driver's. */
export const insideOf = (hypervisor: HypervisorHost): QemuHost | undefined => insides.get(hypervisor)

const insides = new WeakMap<HypervisorHost, QemuHost>()

/** Refusals that are found before a call become CloudErrors like those that a call brings: by the gate. */
function translated<T extends object>(host: QemuHost, part: T): T {
  const entries = Object.entries(part).map(([name, method]: [string, unknown]): [string, unknown] => {
    if (typeof method !== 'function') return [name, method]
    const call = method as (...args: unknown[]) => unknown
    const guarded = async (...args: unknown[]): Promise<unknown> => {
      try {
        return await call(...args)
      } catch (error) {
        if (!(error instanceof HostError)) throw error
        return await host.gate({ operation: name, mutating: false }, () => Promise.reject(error))
      }
    }
    return [name, guarded]
  })
  return Object.fromEntries(entries) as T
}
