import { readdir, stat, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import { HostError } from '#shared/clouds/onprem/gate.ts'
import type { PoolFacts, VolumeFacts, VolumeRef } from '#shared/clouds/onprem/host.ts'
import type { QemuHost } from '#shared/clouds/onprem/qemu/base.ts'
import { isVolumeName, pathOf } from '#shared/clouds/onprem/qemu/volumes/files.ts'
import { readQcow2Header } from '#shared/clouds/onprem/qemu/volumes/header.ts'
import { isErrno } from '#shared/services/process.ts'

export async function listPools(host: QemuHost): Promise<PoolFacts[]> {
  await host.ready()
  return host.gate({ operation: 'statfs', mutating: false }, () =>
    Promise.all(
      host.layout.pools.map(async ({ name, path }) => {
        const { blocks, bavail, bsize } = await statfs(path)
        return { name, totalBytes: blocks * bsize, freeBytes: bavail * bsize }
      }),
    ),
  )
}

/** Files that are not volumes, or are not finished, are not listed. */
export async function listVolumes(host: QemuHost, pool: string): Promise<VolumeFacts[]> {
  await host.ready()
  return host.gate({ operation: 'readdir', mutating: false, resource: pool }, async () => {
    const folder = host.layout.pool(pool)
    const found: VolumeFacts[] = []
    for (const name of (await readdir(folder)).toSorted()) {
      const format = formatOf(name)
      const facts = format && (await readFacts(join(folder, name), name, format).catch(unlessNoImage))
      if (facts) found.push(facts)
    }
    return found
  })
}

export const getVolume = (host: QemuHost, volume: VolumeRef): Promise<VolumeFacts | undefined> =>
  host.gate({ operation: 'qemu-img info', mutating: false, resource: volume.name }, () =>
    readFacts(pathOf(host, volume), volume.name, volume.format),
  )

/** Undefined if there is no such file. Not through the gate. */
export async function readFacts(
  path: string,
  name: string,
  format: VolumeRef['format'],
): Promise<VolumeFacts | undefined> {
  try {
    const { size, blocks } = await stat(path)
    const allocatedBytes = blocks * 512
    if (format === 'raw') return { name, format, sizeBytes: size, allocatedBytes, encrypted: false }
    return { name, format, allocatedBytes, ...(await readQcow2Header(path)) }
  } catch (error) {
    if (isErrno(error, 'ENOENT') || isErrno(error, 'ENOTDIR')) return undefined
    throw error
  }
}

/** Somebody else's file with such a name does not hide ours. */
function unlessNoImage(error: unknown): undefined {
  if (!(error instanceof HostError)) throw error
}

/** By the name alone: what a guest wrote to a raw volume may look like anything. */
function formatOf(name: string): VolumeRef['format'] | undefined {
  if (!isVolumeName(name)) return undefined
  if (name.endsWith('.qcow2')) return 'qcow2'
  return name.endsWith('.raw') ? 'raw' : undefined
}
