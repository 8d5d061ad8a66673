import { execFile } from 'node:child_process'
import { createHash, randomUUID } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { promisify } from 'node:util'
import { expect } from 'vitest'
import { createGate, type Interceptor } from '#shared/clouds/onprem/gate.ts'
import type { VolumeRef } from '#shared/clouds/onprem/host.ts'
import { openConnection, type LibvirtHost } from '#shared/clouds/onprem/libvirt/connection.ts'
import { libvirtErrorRules } from '#shared/clouds/onprem/libvirt/error-rules.ts'
import { createVolumes, type LibvirtVolumes } from '#shared/clouds/onprem/libvirt/volumes/volumes.ts'
import { el, toXml } from '#shared/clouds/onprem/libvirt/xml.ts'
import { createCallWatch } from '#shared/clouds/watch.ts'
import { startLibvirtDaemon, type LibvirtDaemon } from '#test/clouds/libvirt/daemon.ts'

const run = promisify(execFile)

/** A libvirt daemon of a test's own, and the driver's volumes on it. */
export interface VolumesLab {
  daemon: LibvirtDaemon
  host: LibvirtHost
  volumes: LibvirtVolumes
  /** Stands between the gate and the daemon until it is set to undefined. */
  break(interceptor: Interceptor | undefined): void
  ref(name: string, keyName?: string): VolumeRef
  /** Starts a machine on volumes (`vda`, `vdb` …) that has no guest system; what it writes is written by `write`. */
  startMachine(...volumes: VolumeRef[]): Promise<string>
  stopMachine(id: string): Promise<void>
  /** Has a running machine's QEMU write through the device of its guest, e.g. `write -P 5 1M 2M`. */
  write(machine: string, device: string, ...commands: string[]): Promise<void>
  /** SHA-256 of all that a volume holds, as `qemu-img` reads it, without the driver. */
  digest(volume: VolumeRef): Promise<string>
  /** Fails if anything is there beside volumes and machines: helpers, and files that are the driver's own. */
  expectNothingLeft(): Promise<void>
  close(): Promise<void>
}

export const passphrase = (keyName: string): string => createHash('sha256').update(keyName).digest('base64')

export async function openVolumesLab(): Promise<VolumesLab> {
  const daemon = await startLibvirtDaemon()
  let interceptor: Interceptor | undefined
  const intercept: Interceptor = (call, send) => (interceptor ? interceptor(call, send) : send())
  const host = connectTo(daemon.uri, intercept)
  const volumes = createVolumes(host)
  const { pool, poolPath } = daemon
  const virsh = async (...words: Parameters<LibvirtHost['virsh']['run']>[0]) =>
    (await host.virsh.run(words)).text
  const pathOf = ({ name }: VolumeRef) => join(poolPath, name)

  return {
    daemon,
    host,
    volumes,
    break: (given) => {
      interceptor = given
    },
    ref: (name, keyName) => ({
      pool,
      name: `${name}.qcow2`,
      format: 'qcow2',
      ...(keyName !== undefined && { keyName }),
    }),
    async startMachine(...refs) {
      const id = randomUUID()
      const disks = await Promise.all(
        refs.map((volume, at) => volumes.diskElement({ volume, device: `vd${'abcd'[at]}` })),
      )
      await virsh('define', {
        content: toXml(
          el(
            'domain',
            { type: 'qemu' },
            el('name', {}, `test-${id}`),
            el('uuid', {}, id),
            el('memory', { unit: 'MiB' }, '16'),
            el('os', {}, el('type', {}, 'hvm')),
            el('devices', {}, ...disks),
          ),
        ),
      })
      await virsh('start', id)
      return id
    },
    async stopMachine(id) {
      await virsh('destroy', id, '--graceful')
      await virsh('undefine', id, '--checkpoints-metadata')
    },
    async write(machine, device, ...commands) {
      const number = device.codePointAt(2) ?? 0
      const backend = `/machine/peripheral/virtio-disk${number - 97}/virtio-backend`
      // Flushed, so that its tables are in the file when another program looks.
      for (const command of [...commands, 'flush'])
        await virsh('qemu-monitor-command', machine, '--hmp', `qemu-io -d ${backend} "${command}"`)
    },
    async digest(volume) {
      const folder = await mkdtemp(join(tmpdir(), 'nc-digest-'))
      const [secret, raw] = [join(folder, 'secret'), join(folder, 'raw')]
      try {
        await writeFile(secret, passphrase(volume.keyName ?? ''), { mode: 0o600 })
        const source = `json:${JSON.stringify(await nodeOf(pathOf(volume), volume))}`
        const key = ['--object', `secret,id=key,file=${secret}`]
        await run('qemu-img', ['convert', '-U', ...key, '-O', 'raw', source, raw])
        const hash = createHash('sha256')
        await pipeline(createReadStream(raw), hash)
        return hash.digest('hex')
      } finally {
        await rm(folder, { recursive: true })
      }
    },
    async expectNothingLeft() {
      await virsh('pool-refresh', pool)
      const domains = await virsh('list', '--all', '--name')
      const files = await virsh('vol-list', pool)
      const names = [domains, files]
        .flatMap((text) => text.split('\n'))
        .map((line) => line.trim().split(/\s+/)[0])
      expect(names.filter((name) => name?.startsWith('nc-'))).toEqual([])
    },
    async close() {
      host.close()
      await daemon.close()
    },
  }
}

/** A connection of its own, as another worker has. */
export function connectTo(uri: string, intercept?: Interceptor): LibvirtHost {
  const gate = createGate({
    host: 'lab',
    rules: libvirtErrorRules,
    watch: createCallWatch({ absorbMs: 1000 }),
    requestTimeoutMs: 30_000,
    ...(intercept && { intercept }),
  })
  const settings = {
    name: 'lab',
    location: 'home',
    uri,
    bridges: [],
    capacity: {},
    overcommit: { vcpus: 4, memory: 1 },
    headroom: { vcpus: 1, memory: 1 },
    maintenance: false,
    cost: {
      hardware: '0',
      amortise_months: 48,
      power_watts: 0,
      power_price_per_kwh: '0',
      space_per_month: '0',
      memory_share: 0.5,
      storage_per_gib_month: '0',
    },
  }
  const times = { shutdownGraceMs: 1000, requestTimeoutMs: 30_000 }
  return openConnection(settings, { name: 'lab', gate, passphrase, ...times })
}

/** The file and all that it builds on, each opened with the same key. */
async function nodeOf(path: string, volume: VolumeRef): Promise<Record<string, unknown>> {
  const { stdout } = await run('qemu-img', ['info', '-U', '--output=json', path])
  const { 'full-backing-filename': backing } = JSON.parse(stdout) as Record<string, string>
  return {
    driver: volume.format,
    file: { driver: 'file', filename: path },
    ...(volume.keyName !== undefined && { encrypt: { format: 'luks', 'key-secret': 'key' } }),
    ...(backing !== undefined && { backing: await nodeOf(backing, volume) }),
  }
}
