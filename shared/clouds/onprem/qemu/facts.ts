import { readFile } from 'node:fs/promises'
import { cpus, totalmem } from 'node:os'
import type { HostFacts } from '#shared/clouds/onprem/host.ts'
import type { QemuHost } from '#shared/clouds/onprem/qemu/base.ts'
import { findUefi } from '#shared/clouds/onprem/qemu/firmware.ts'
import { presentBridges } from '#shared/clouds/onprem/qemu/networks/bridges.ts'
import { whyNoFilter } from '#shared/clouds/onprem/qemu/networks/nftables.ts'
import { findPrograms } from '#shared/clouds/onprem/qemu/programs.ts'

/** What this machine offers as a host; guests are proved to run here, and its folders to be of use. */
export async function readFacts(host: QemuHost): Promise<HostFacts> {
  await host.ready()
  return host.gate({ operation: 'qemu-system-x86_64', mutating: false, resource: host.name }, async () => {
    const [programs, uefi, bridges] = await Promise.all([
      findPrograms(host.runAs),
      findUefi(),
      presentBridges(host),
    ])
    const { kind, reason } = programs.acceleration
    return {
      hypervisor: `QEMU ${programs.version}`,
      cpus: cpus().length,
      memoryMib: Math.floor(totalmem() / 2 ** 20),
      architectures: ['x86_64'],
      firmwares: uefi ? ['bios', 'uefi'] : ['bios'],
      acceleration: { kind, reason },
      networkKinds: bridges.length > 0 ? ['user', 'bridge'] : ['user'],
      growing: { vcpus: true, memory: await lendsMemory() },
      filter: bridges.length > 0 && (await whyNoFilter()) === undefined ? 'nftables' : 'forwards',
    }
  })
}

/** Memory that may be added later is promised and not reserved, which QEMU refuses to do where the kernel promises only what it has. */
const lendsMemory = async (): Promise<boolean> =>
  (await readFile('/proc/sys/vm/overcommit_memory', 'utf8')).trim() !== '2'
