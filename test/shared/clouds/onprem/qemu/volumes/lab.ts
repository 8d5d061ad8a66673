import { createHash, randomBytes } from 'node:crypto'
import { onTestFinished, type TestContext } from 'vitest'
import type { HostVolumes, VolumeRef } from '#shared/clouds/onprem/host.ts'
import { translated } from '#shared/clouds/onprem/qemu/translated.ts'
import { createVolumes } from '#shared/clouds/onprem/qemu/volumes/volumes.ts'
import type { DiskSink, DiskSource } from '#shared/disks/port.ts'
import { readRange } from '#shared/disks/read.ts'
import { guestMachine } from '#test/clouds/onprem/guest-volume.ts'
import type { TestHost } from '#test/clouds/onprem/open-host.ts'
import { needsQemu, openTestHost } from '#test/clouds/onprem/qemu-host.ts'
import { tracesOf } from '#test/clouds/onprem/traces.ts'

export const mebibyte = 2 ** 20

/** A host with its volumes. */
export interface VolumesLab extends TestHost {
  volumes: HostVolumes
  /** Paths of sockets, and command lines of processes, that name the host's folder. */
  leftovers(): Promise<string[]>
}

/** Skips the test where there is no QEMU; at its end nothing runs, and no socket is left. */
export async function openLab(context: TestContext): Promise<VolumesLab> {
  await needsQemu(context)
  const opened = await openTestHost()
  const { host } = opened
  const leftovers = async () => {
    const { processes, sockets, files } = await tracesOf(host.layout.folder)
    return [...processes, ...sockets, ...files.filter((file) => file.startsWith(host.layout.sockets))]
  }
  return { ...opened, volumes: translated(host, createVolumes(host)), leftovers }
}

export const qcow2 = (name: string, keyName?: string): VolumeRef => ({
  pool: 'default',
  name: `${name}.qcow2`,
  format: 'qcow2',
  ...(keyName === undefined ? {} : { keyName }),
})

export const digest = (data: Buffer): Buffer => createHash('sha256').update(data).digest()

/** Writes bytes, in chunks as a copier does. */
export async function writeAt(sink: DiskSink, offset: number, data: Buffer): Promise<void> {
  const size = sink.preferredChunkBytes
  const pieces = Array.from({ length: Math.ceil(data.length / size) }, (_, index) => index * size)
  await Promise.all(
    pieces.map((at) => {
      const piece = data.subarray(at, at + size)
      return sink.write({ offset: offset + at, data: piece, sha256: digest(piece) })
    }),
  )
}

/** Opens a volume, writes random bytes (or others) and closes it. @returns what was written. */
export async function fill(
  volumes: HostVolumes,
  volume: VolumeRef,
  offset: number,
  length: number,
  data = randomBytes(length),
): Promise<Buffer> {
  const sink = await volumes.openSink(volume)
  try {
    await writeAt(sink, offset, data)
  } finally {
    await sink.close()
  }
  return data
}

/** SHA-256 of all of a volume's content. */
export async function contentOf(volumes: HostVolumes, volume: VolumeRef): Promise<string> {
  const source = await volumes.openSource(volume)
  try {
    return await digestOf(source)
  } finally {
    await source.close()
  }
}

export async function digestOf(source: DiskSource): Promise<string> {
  const hash = createHash('sha256')
  for (let offset = 0; offset < source.sizeBytes; offset += 4 * mebibyte) {
    const length = Math.min(4 * mebibyte, source.sizeBytes - offset)
    hash.update(await readRange(source, { offset, length }))
  }
  return hash.digest('hex')
}

/** Closes at the end of the test, whatever becomes of it. */
export function closing<T extends { close(): Promise<void> }>(end: T): T {
  onTestFinished(() => end.close().catch(() => undefined))
  return end
}

/** A new volume under a running machine, and its content changed there by commands of `qemu-io`. */
export async function runDisk(
  { volumes, machines, host }: VolumesLab,
  volume: VolumeRef,
  sizeBytes: number,
): Promise<{ machine: string; write: (...commands: string[]) => Promise<void> }> {
  await volumes.create(volume, { sizeBytes })
  const spec = guestMachine(volume)
  await machines.define(spec)
  await machines.start(spec.id)
  return {
    machine: spec.id,
    write: (...commands) =>
      host.monitor(spec.id, async (monitor) => {
        // As the guest's own device; what goes wrong is not said here, so tests look at what was written.
        for (const command of commands)
          await monitor.execute('human-monitor-command', {
            'command-line': `qemu-io -d /machine/peripheral/vda/virtio-backend "${command}"`,
          })
      }),
  }
}

/** Kills, without a warning, whatever serves volumes of a host. @returns how many there were. */
export async function killServers({ host }: Pick<VolumesLab, 'host'>): Promise<number> {
  const { processes } = await tracesOf(host.layout.folder)
  const servers = processes.filter((each) => /qemu-storage-daemon /.test(each))
  for (const each of servers) process.kill(Number.parseInt(each, 10), 'SIGKILL')
  return servers.length
}
