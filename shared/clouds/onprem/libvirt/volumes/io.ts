import type { VolumeRef } from '#shared/clouds/onprem/host.ts'
import { nbdGateOf } from '#shared/clouds/onprem/nbd-gate.ts'
import { refusal } from '#shared/clouds/onprem/refusals.ts'
import type { NbdAddress } from '#shared/disks/nbd/client.ts'
import type { Selection } from '#shared/disks/nbd/extents.ts'
import type { NbdGate } from '#shared/disks/nbd/gate.ts'
import { openNbdSink } from '#shared/disks/nbd/sink.ts'
import { openNbdSource } from '#shared/disks/nbd/source.ts'
import type { DiskSink, DiskSource } from '#shared/disks/port.ts'
import type { VolumesHost } from './base.ts'
import { chainOf, requireVolume } from './disk.ts'
import { exportDisk, exportMoment, type DiskExport } from './exports.ts'
import { helperDevice, openHelper, type HelperKind } from './helper.ts'
import type { OpenDisk } from './marks.ts'
import { openTunnel, type Tunnel } from './tunnel.ts'

/** See HostVolumes. With `since` it is clusters of 64 KiB that were written, be it with what was there before. */
export async function openSource(
  host: VolumesHost,
  volume: VolumeRef,
  { since }: { since?: VolumeRef } = {},
): Promise<DiskSource> {
  const selection: Selection | undefined = since && {
    kind: 'layers',
    layers: await layersAbove(host, volume, since),
  }
  return withHelper(host, volume, 'read', async (disk, connection) => {
    const served = selection
      ? await exportDisk(host, disk, { writable: false, depth: true })
      : await exportMoment(host, disk, { scratch: { pool: volume.pool } })
    return openNbdSource({ ...(await connection(served)), ...(selection && { selection }) })
  })
}

/** See HostVolumes. */
export const openSink = (host: VolumesHost, volume: VolumeRef): Promise<DiskSink> =>
  withHelper(host, volume, 'write', async (disk, connection) =>
    openNbdSink(await connection(await exportDisk(host, disk, { writable: true, depth: false }))),
  )

/** What an NBD client is opened with. */
interface Connection {
  address: NbdAddress
  exportName: string
  gate: NbdGate
  /** Ends everything that stands behind it. */
  release: () => Promise<void>
}

/** Opens something on a helper that lives until that is closed, or at once ends if it cannot be opened. */
async function withHelper<T>(
  host: VolumesHost,
  volume: VolumeRef,
  kind: HelperKind,
  open: (disk: OpenDisk, connection: (served: DiskExport) => Promise<Connection>) => Promise<T>,
): Promise<T> {
  const helper = await openHelper(host, volume, kind)
  let tunnel: Tunnel | undefined
  const release = async () => {
    await tunnel?.close()
    await helper.end()
  }
  try {
    return await open({ domain: helper.domain, device: helperDevice }, async ({ socket, exportName }) => {
      tunnel = await host.gate(
        { operation: 'nbd connect', mutating: false, resource: volume.name },
        (signal) => openTunnel(host.ssh, socket, signal),
      )
      return {
        address: { path: tunnel.path },
        exportName,
        gate: nbdGateOf(host.gate, volume.name),
        release,
      }
    })
  } catch (error) {
    await release()
    throw error
  }
}

/** How many files of a volume's chain lie above one of them. @throws CloudError `invalid_request` if that is none of the chain. */
async function layersAbove(host: VolumesHost, volume: VolumeRef, since: VolumeRef): Promise<number> {
  const chain = await chainOf(host, volume)
  const { path } = await requireVolume(host, since)
  const layers = chain.findIndex((each) => each.path === path)
  if (layers >= 0) return layers
  throw refusal('volumes', `Volume ${volume.name} does not build on ${since.name}.`, {
    code: 'invalid_request',
    remedy: 'Copy it whole.',
  })
}
