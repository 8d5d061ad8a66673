import { rm } from 'node:fs/promises'
import { HostError } from '#shared/clouds/onprem/gate.ts'
import type { VolumeRef } from '#shared/clouds/onprem/host.ts'
import { nbdGateOf } from '#shared/clouds/onprem/nbd-gate.ts'
import type { QemuHost } from '#shared/clouds/onprem/qemu/base.ts'
import { daemonNode, startDaemon } from '#shared/clouds/onprem/qemu/volumes/daemon.ts'
import { chainOf, pathOf } from '#shared/clouds/onprem/qemu/volumes/files.ts'
import type { Selection } from '#shared/disks/nbd/extents.ts'
import { openNbdSink } from '#shared/disks/nbd/sink.ts'
import { openNbdSource } from '#shared/disks/nbd/source.ts'
import type { DiskSink, DiskSource } from '#shared/disks/port.ts'

/** See HostVolumes.openSource. A daemon of its own serves it, and ends with it. */
export async function openSource(
  host: QemuHost,
  volume: VolumeRef,
  { since }: { since?: VolumeRef } = {},
): Promise<DiskSource> {
  const selection: Selection = since ? await layersAbove(host, volume, since) : { kind: 'data' }
  return serve(host, volume, true, (connection) => openNbdSource({ ...connection, selection }))
}

/** See HostVolumes.openSink. */
export const openSink = (host: QemuHost, volume: VolumeRef): Promise<DiskSink> =>
  serve(host, volume, false, openNbdSink)

async function layersAbove(host: QemuHost, volume: VolumeRef, since: VolumeRef): Promise<Selection> {
  const layers = (await chainOf(host, volume)).indexOf(pathOf(host, since))
  if (layers > 0) return { kind: 'layers', layers }
  throw new HostError('invalid_request', `since: ${volume.name} does not build on ${since.name}`)
}

interface Connection {
  address: { path: string }
  exportName: string
  gate: ReturnType<typeof nbdGateOf>
  release: () => Promise<void>
}

async function serve<T>(
  host: QemuHost,
  volume: VolumeRef,
  readOnly: boolean,
  open: (connection: Connection) => Promise<T>,
): Promise<T> {
  const { socket, end } = await startDaemon(host, volume, { readOnly, serves: 'nbd' })
  try {
    return await open({
      address: { path: socket },
      exportName: daemonNode,
      gate: nbdGateOf(host.gate, volume.name),
      release: end,
    })
  } catch (error) {
    await end()
    throw error
  } finally {
    // Whoever is connected stays connected; nobody else is to come.
    await rm(socket, { force: true })
  }
}
