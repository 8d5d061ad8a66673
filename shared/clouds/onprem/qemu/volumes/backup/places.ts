import type { VolumeRef } from '#shared/clouds/onprem/host.ts'
import type { QemuHost } from '#shared/clouds/onprem/qemu/base.ts'
import { withMonitor, type Monitor } from '#shared/clouds/onprem/qemu/monitor.ts'
import { daemonNode, startDaemon } from '#shared/clouds/onprem/qemu/volumes/daemon.ts'
import { nodeInMachine } from '#shared/clouds/onprem/qemu/volumes/in-machine.ts'

/** A QEMU that has a volume open for writing, where its changes are tracked and its content is copied. */
export interface Place {
  /** The volume's node there. */
  node: string
  /** The machine, if it is one's. */
  machine?: string
  /** A short talk: a monitor serves one client at a time. */
  ask<T>(work: (monitor: Monitor) => Promise<T>): Promise<T>
}

/** In the machine's own QEMU if it has one, else in a storage daemon that is there for this alone. */
export async function withPlace<T>(
  host: QemuHost,
  volume: VolumeRef,
  machine: string | undefined,
  work: (place: Place) => Promise<T>,
): Promise<T> {
  const node = machine === undefined ? undefined : await nodeInMachine(host, machine, volume)
  if (machine === undefined || node === undefined) return withDaemon(host, volume, work)
  return work({ node, machine, ask: (talk) => host.monitor(machine, talk) })
}

async function withDaemon<T>(
  host: QemuHost,
  volume: VolumeRef,
  work: (place: Place) => Promise<T>,
): Promise<T> {
  const { socket, end } = await startDaemon(host, volume, { readOnly: false, serves: 'monitor' })
  const monitor = {
    gate: host.gate,
    sockets: [socket],
    resource: volume.name,
    patienceMs: host.context.requestTimeoutMs,
  }
  try {
    return await work({ node: daemonNode, ask: (talk) => withMonitor(monitor, talk) })
  } finally {
    await end()
  }
}
