import { randomBytes } from 'node:crypto'
import { smokeDisk } from '#shared/clouds/onprem/qemu/acceleration.ts'
import { pause } from '#shared/clouds/scope.ts'
import type { LibvirtHost } from './connection.ts'
import { outputFile, type VirshWord } from './virsh.ts'
import { ask } from './volumes/base.ts'
import { poolNames, poolPath, unless } from './volumes/pools.ts'
import { el, toXml } from './xml.ts'

/** Boots the smallest guest as a transient domain; what went wrong, or ''. It needs a storage pool, and leaves nothing there. */
export async function smokeBoot(host: LibvirtHost, type: 'kvm' | 'qemu', limitMs: number): Promise<string> {
  const [pool] = await poolNames(host)
  if (pool === undefined) return 'there is no storage pool to boot it from'
  const name = `nc-smoke-${randomBytes(6).toString('hex')}`
  const files = { disk: `${name}.raw`, console: `${name}.log` }
  const call = { mutating: true, resource: name }
  // A domain that goes with the connection that made it, should this process end.
  const virsh = host.connect()
  try {
    const image = smokeDisk()
    await ask(host, ['vol-create-as', pool, files.disk, `${image.length}`, '--format', 'raw'], call)
    await ask(host, ['vol-create-as', pool, files.console, '0', '--format', 'raw'], call)
    await ask(host, ['vol-upload', '--vol', files.disk, '--pool', pool, { content: image }], call)
    const domain = smokeDomain({ name, type, folder: await poolPath(host, pool), files })
    await ask(host, ['create', { content: toXml(domain) }, '--autodestroy'], { ...call, virsh })
    for (let waitedMs = 0; waitedMs < limitMs; waitedMs += pollMs) {
      await pause(pollMs)
      const read: VirshWord[] = ['vol-download', '--vol', files.console, '--pool', pool, outputFile]
      const { output } = await ask(host, read, { mutating: false, resource: name })
      if (output.includes('K')) return ''
    }
    return 'it printed nothing'
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  } finally {
    await ask(host, ['destroy', name], call).catch(unless('VIR_ERR_NO_DOMAIN'))
    for (const file of Object.values(files))
      await ask(host, ['vol-delete', '--vol', file, '--pool', pool], call).catch(
        unless('VIR_ERR_NO_STORAGE_VOL'),
      )
    virsh.close()
  }
}

const pollMs = 50

const smokeDomain = ({
  name,
  type,
  folder,
  files,
}: {
  name: string
  type: string
  folder: string
  files: { disk: string; console: string }
}) =>
  el(
    'domain',
    { type },
    el('name', {}, name),
    el('memory', { unit: 'MiB' }, '16'),
    el('os', {}, el('type', { arch: 'x86_64', machine: 'pc' }, 'hvm')),
    el(
      'devices',
      {},
      el('controller', { type: 'usb', model: 'none' }),
      el(
        'disk',
        { type: 'file', device: 'disk' },
        el('driver', { name: 'qemu', type: 'raw' }),
        el('source', { file: `${folder}/${files.disk}` }),
        el('target', { dev: 'vda', bus: 'virtio' }),
      ),
      el('serial', { type: 'file' }, el('source', { path: `${folder}/${files.console}` })),
      el('memballoon', { model: 'none' }),
    ),
  )
