import type { HypervisorHost } from '#shared/clouds/onprem/host.ts'
import type { QemuHost } from '#shared/clouds/onprem/qemu/base.ts'

/** What is behind a host of this driver, for what goes between two of them; undefined for another driver's. */
export const insideOf = (hypervisor: HypervisorHost): QemuHost | undefined => insides.get(hypervisor)

export const remember = (hypervisor: HypervisorHost, inside: QemuHost): void =>
  void insides.set(hypervisor, inside)

const insides = new WeakMap<HypervisorHost, QemuHost>()
