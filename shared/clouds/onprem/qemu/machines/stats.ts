import { readFile } from 'node:fs/promises'
import type { MachineSpec, MachineStats } from '#shared/clouds/onprem/host.ts'
import type { QemuHost } from '#shared/clouds/onprem/qemu/base.ts'
import { readDefinition } from '#shared/clouds/onprem/qemu/machines/definition.ts'
import { trimConsole } from '#shared/clouds/onprem/qemu/machines/console.ts'
import { see } from '#shared/clouds/onprem/qemu/machines/status.ts'
import { tapName } from '#shared/clouds/onprem/qemu/networks/taps.ts'
import { usageOf } from '#shared/clouds/onprem/qemu/process.ts'

/** Counters of a running machine: its disks as QEMU counts them, its process as the kernel does, its bridged nics as their taps do. */
export async function readStats(host: QemuHost, id: string): Promise<MachineStats | undefined> {
  const sight = await see(host, id)
  if (!sight?.process) return undefined
  const { pid } = sight.process
  const usage = await host.gate({ operation: 'process stat', mutating: false, resource: id }, () =>
    usageOf(pid),
  )
  const spec = (await readDefinition(host, id))?.spec
  if (!usage || !spec) return undefined
  const disks = await host.monitor(id, (monitor) => monitor.execute<BlockStats[]>('query-blockstats'))
  await trimConsole(host, id)
  const sum = (field: keyof BlockStats['stats']) => disks.reduce((all, { stats }) => all + stats[field], 0)
  return {
    atMs: Date.now(),
    cpuTimeMs: usage.cpuTimeMs,
    memoryUsedMib: Math.ceil(usage.residentBytes / 2 ** 20),
    diskReadBytes: sum('rd_bytes'),
    diskWriteBytes: sum('wr_bytes'),
    diskReadOps: sum('rd_operations'),
    diskWriteOps: sum('wr_operations'),
    ...(await networkCounters(spec)),
  }
}

interface BlockStats {
  stats: { rd_bytes: number; wr_bytes: number; rd_operations: number; wr_operations: number }
}

/** What the tap sends the guest receives. QEMU's user-mode network counts nothing. */
async function networkCounters(
  spec: MachineSpec,
): Promise<Pick<MachineStats, 'networkInBytes' | 'networkOutBytes'>> {
  const taps = spec.nics.flatMap((nic, index) => (nic.kind === 'bridge' ? [tapName(spec.id, index)] : []))
  if (taps.length === 0) return {}
  const read = async (tap: string, counter: string) =>
    Number(await readFile(`/sys/class/net/${tap}/statistics/${counter}`, 'utf8').catch(() => '0'))
  const total = async (counter: string) =>
    (await Promise.all(taps.map((tap) => read(tap, counter)))).reduce((all, one) => all + one, 0)
  return { networkInBytes: await total('tx_bytes'), networkOutBytes: await total('rx_bytes') }
}
