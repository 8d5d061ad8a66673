import { open, readdir, rm } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { HostError } from '#shared/clouds/onprem/gate.ts'
import type { VolumeRef } from '#shared/clouds/onprem/host.ts'
import type { QemuHost } from '#shared/clouds/onprem/qemu/base.ts'
import { removeDurably } from '#shared/clouds/onprem/qemu/files.ts'
import { getVolume } from '#shared/clouds/onprem/qemu/volumes/facts.ts'
import { chainOf, isVolumeName, pathOf, unfinished } from '#shared/clouds/onprem/qemu/volumes/files.ts'
import { nodeOf } from '#shared/clouds/onprem/qemu/volumes/graph.ts'
import { readQcow2Header } from '#shared/clouds/onprem/qemu/volumes/header.ts'
import { nodeInMachine } from '#shared/clouds/onprem/qemu/volumes/in-machine.ts'
import { runTied } from '#shared/clouds/onprem/qemu/volumes/tied.ts'
import { isErrno } from '#shared/services/process.ts'

/** See HostVolumes.resize. */
export async function resizeVolume(
  host: QemuHost,
  volume: VolumeRef,
  sizeBytes: number,
  machine?: string,
): Promise<void> {
  const facts = await getVolume(host, volume)
  if (!facts) throw new HostError('not_found', `there is no volume ${volume.name} in pool ${volume.pool}`)
  if (facts.sizeBytes === sizeBytes) return
  if (sizeBytes < facts.sizeBytes || sizeBytes % 512 !== 0)
    throw new HostError(
      'invalid_request',
      `sizeBytes: ${volume.name} has ${facts.sizeBytes} bytes and can only grow, by multiples of 512`,
    )
  const node = machine === undefined ? undefined : await nodeInMachine(host, machine, volume)
  if (machine !== undefined && node !== undefined) {
    await host.monitor(machine, (monitor) =>
      monitor.execute('block_resize', { 'node-name': node, size: sizeBytes }),
    )
    return
  }
  const chain = await chainOf(host, volume)
  const { format, keyName } = volume
  const secrets = keyName === undefined ? [] : [{ id: 'key', keyName }]
  const definition = nodeOf(chain, {
    format,
    readOnly: false,
    ...(keyName !== undefined && { secretId: 'key' }),
  })
  const args = ['resize', '-q', `json:${JSON.stringify(definition)}`, `${sizeBytes}`]
  await host.gate({ operation: 'qemu-img resize', mutating: true, resource: volume.name }, (signal) =>
    runTied(host, { program: 'qemu-img', args, secrets, before: 1 }, signal),
  )
}

/** See HostVolumes.delete. One that others build on is in use, too. */
export async function deleteVolume(host: QemuHost, volume: VolumeRef): Promise<void> {
  const path = pathOf(host, volume)
  await host.gate({ operation: 'unlink', mutating: true, resource: volume.name }, async (signal) => {
    await rm(unfinished(path), { force: true })
    if (!(await exists(path))) return
    await assertUnused(host, path, signal)
    await removeDurably(path)
  })
}

/** Undefined also for what is gone by now (others may be deleted at the same time), or is no image. */
async function backingOf(path: string): Promise<string | undefined> {
  try {
    return (await readQcow2Header(path)).backing
  } catch (error) {
    if (isErrno(error, 'ENOENT') || error instanceof HostError) return undefined
    throw error
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await (await open(path, 'r')).close()
    return true
  } catch (error) {
    if (isErrno(error, 'ENOENT') || isErrno(error, 'ENOTDIR')) return false
    throw error
  }
}

/** Whoever has the image open, if only to read, holds locks that QEMU respects. */
async function assertUnused(host: QemuHost, path: string, signal: AbortSignal): Promise<void> {
  for (const { path: folder } of host.layout.pools)
    for (const name of await readdir(folder)) {
      const other = join(folder, name)
      if (!isVolumeName(name) || !name.endsWith('.qcow2') || other === path) continue
      const backing = await backingOf(other)
      if (backing !== undefined && resolve(dirname(other), backing) === path)
        throw new HostError('conflict', `${name} builds on ${basename(path)}`)
    }
  const args = ['-c', 'length', `json:${JSON.stringify(nodeOf([path], { format: 'raw', readOnly: false }))}`]
  await runTied(host, { program: 'qemu-io', args }, signal)
}
