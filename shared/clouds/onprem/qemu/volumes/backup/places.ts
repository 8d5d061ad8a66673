import { rm } from 'node:fs/promises'
import type { VolumeRef } from '#shared/clouds/onprem/host.ts'
import type { QemuHost } from '#shared/clouds/onprem/qemu/base.ts'
import { withMonitor, type Monitor } from '#shared/clouds/onprem/qemu/monitor.ts'
import { blockNodes } from '#shared/clouds/onprem/qemu/volumes/graph.ts'
import { nodeInMachine } from '#shared/clouds/onprem/qemu/volumes/in-machine.ts'
import { newSocket, waitForListener } from '#shared/clouds/onprem/qemu/volumes/sockets.ts'
import { startTied, type TiedProcess } from '#shared/clouds/onprem/qemu/volumes/tied.ts'

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
  await host.ready()
  const { name: resource } = volume
  const node = 'volume'
  const { nodes, secrets } = await blockNodes(host, volume, { node })
  const socket = await newSocket(host)
  const ask: Place['ask'] = (talk) =>
    withMonitor(
      { gate: host.gate, sockets: [socket], resource, patienceMs: host.context.requestTimeoutMs },
      talk,
    )
  // Known as soon as it runs, also if the call that started it is given up.
  let daemon: TiedProcess | undefined
  try {
    await host.gate({ operation: 'qemu-storage-daemon', mutating: true, resource }, async (signal) => {
      daemon = await startTied(host, {
        program: 'qemu-storage-daemon',
        secrets,
        args: [
          ...nodes.flatMap((each) => ['--blockdev', JSON.stringify(each)]),
          ...['--chardev', `socket,id=monitor,path=${socket},server=on,wait=off`],
          ...['--monitor', 'chardev=monitor'],
        ],
      })
      await waitForListener(socket, { program: 'qemu-storage-daemon', server: daemon, signal })
    })
    return await work({ node, ask })
  } finally {
    if (daemon) await endDaemon(daemon)
    await rm(socket, { force: true })
  }
}

/** It closes the volume in order: only then are the marks on it kept. */
async function endDaemon(daemon: TiedProcess): Promise<void> {
  daemon.kill('SIGTERM')
  const force = setTimeout(() => daemon.kill('SIGKILL'), 60_000)
  await daemon.ended
  clearTimeout(force)
}
