import { basename, dirname, join, resolve } from 'node:path'
import { HostError } from '#shared/clouds/onprem/gate.ts'
import type { VolumeRef } from '#shared/clouds/onprem/host.ts'
import type { QemuHost } from '#shared/clouds/onprem/qemu/base.ts'
import { readQcow2Header } from '#shared/clouds/onprem/qemu/volumes/header.ts'

type Host = Pick<QemuHost, 'layout' | 'gate'>

/** Path of a volume's file: its name, in its pool's folder. @throws HostError `invalid_request` for a name that is not one of ours. */
export function pathOf({ layout }: Pick<QemuHost, 'layout'>, { pool, name }: VolumeRef): string {
  if (!namePattern.test(name))
    throw new HostError(
      'invalid_request',
      `volume: ${JSON.stringify(name)} is no name of a volume (letters, digits, dashes and dots)`,
    )
  return join(layout.pool(pool), name)
}

/** Where a volume's file is made, before it takes its name. Such a name is never listed. */
export const unfinished = (path: string): string => join(dirname(path), `.${basename(path)}.new`)

export const isVolumeName = (name: string): boolean => namePattern.test(name)

const namePattern = /^[A-Za-z0-9][A-Za-z0-9.-]{0,127}$/

/**
 * The files that a volume consists of, its own first, then each that the one before builds on.
 * @throws CloudError `not_found` if one is missing, `forbidden` if one would lie outside of the host's pools.
 */
export const chainOf = (host: Host, volume: VolumeRef): Promise<string[]> =>
  host.gate({ operation: 'qemu-img info', mutating: false, resource: volume.name }, async () => {
    const first = pathOf(host, volume)
    return volume.format === 'raw' ? [first] : followChain(host, first)
  })

/** The same for a file by its path. Not through the gate. */
export async function followChain({ layout }: Pick<QemuHost, 'layout'>, first: string): Promise<string[]> {
  const chain = [first]
  for (let path = first; ;) {
    const { backing } = await readQcow2Header(path)
    if (backing === undefined) return chain
    path = resolve(dirname(path), backing)
    const folder = dirname(path)
    if (!layout.pools.some((pool) => resolve(pool.path) === folder))
      throw new HostError('EPERM', `${chain.at(-1)} builds on ${path}, which is in no pool of this host`)
    if (chain.includes(path)) throw new HostError('integrity', `${first} builds on itself`)
    chain.push(path)
  }
}
