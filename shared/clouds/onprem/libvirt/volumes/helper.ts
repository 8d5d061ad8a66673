import { createHash, randomBytes } from 'node:crypto'
import { dirname } from 'node:path'
import type { VolumeRef } from '#shared/clouds/onprem/host.ts'
import { el, toXml, type XmlElement } from '#shared/clouds/onprem/libvirt/xml.ts'
import type { Virsh } from '#shared/clouds/onprem/libvirt/virsh.ts'
import { refusal } from '#shared/clouds/onprem/refusals.ts'
import { ask, type VolumesHost } from './base.ts'
import { diskElement } from './disk.ts'
import { linesOf, unless } from './pools.ts'

/**
 * libvirt reads and writes qcow2 content only where a QEMU has the file open. So for a volume that no machine runs on there is a helper: a
 * paused domain without a guest (40 MB, 0.5 s to start) that has the volume as its disk. Domains with this prefix are no machines.
 */
export const helperPrefix = 'nc-io-'

/** The disk of a helper. */
export const helperDevice = 'vda'

/** `read`: any number at once. `write`: one. */
export type HelperKind = 'read' | 'write'

export interface Helper {
  domain: string
  /** What is asked about it goes by this connection, with which it ends. */
  virsh: Virsh
  /** Folder on the host that its QEMU may make sockets in, and that is deleted with it. */
  folder(): Promise<string>
  /** Ends it in good order, so that what is kept in the image's metadata is kept. Called twice is fine. */
  end(): Promise<void>
}

/**
 * Starts a helper for a volume. It is bound to a connection of its own: when this process ends, however it ends, libvirt ends the helper.
 * What is left of others (the daemon was restarted meanwhile and forgot the binding) is ended first.
 * @throws CloudError `conflict` if something else has the volume open.
 */
export async function openHelper(host: VolumesHost, volume: VolumeRef, kind: HelperKind): Promise<Helper> {
  await settle(host, volume, kind)
  const domain = helperName(volume, kind)
  const disk = await diskElement(host, { volume, device: helperDevice, readOnly: kind === 'read' })
  const virsh = host.connect()
  let ended: Promise<void> | undefined
  const end = async () => {
    await endDomain(host, domain).finally(() => virsh.close())
  }
  try {
    await start(host, { domain, disk, virsh, volume })
  } catch (error) {
    virsh.close()
    throw error
  }
  return {
    domain,
    virsh,
    folder: () => folderOf(host, domain),
    end: () => (ended ??= end()),
  }
}

/** Makes way for whoever is to open a volume for reading, for writing, or (a machine) for running. @throws CloudError `conflict` */
export async function settle(host: VolumesHost, volume: VolumeRef, kind: HelperKind): Promise<void> {
  const { text } = await ask(host, ['list', '--name'], { mutating: false })
  const others = linesOf(text).flatMap((name) => readName(name, volume) ?? [])
  for (const { name, kind: itsKind, madeAtMs } of others) {
    // Whoever wrote it either died or has lost its lease to us. Readers may be many, and are left in peace for as long as a copy may take.
    if (itsKind === 'write' || Date.now() - madeAtMs > longestReadMs) await endDomain(host, name)
    else if (kind === 'write')
      throw refusal('volumes', `Volume ${volume.name} is being read by ${name}.`, {
        code: 'conflict',
        kind: 'retryable',
        remedy: `It is tried again. If nothing reads it any more: virsh destroy ${name}`,
      })
  }
}

const longestReadMs = 24 * 3_600_000

/** `nc-io-<volume's hash>-<w|r>-<when it was made>-<random>`: says all that others must know, and is never asked for by id. */
const helperName = (volume: VolumeRef, kind: HelperKind): string =>
  [
    `${helperPrefix}${hashOf(volume)}`,
    kind === 'write' ? 'w' : 'r',
    Date.now().toString(36),
    randomBytes(4).toString('hex'),
  ].join('-')

const hashOf = ({ pool, name }: VolumeRef): string =>
  createHash('sha256').update(`${pool}/${name}`).digest('hex').slice(0, 12)

function readName(name: string, volume: VolumeRef) {
  const [, kind, madeAt] =
    new RegExp(`^${helperPrefix}${hashOf(volume)}-([rw])-([0-9a-z]+)-`).exec(name) ?? []
  if (madeAt === undefined) return undefined
  return {
    name,
    kind: kind === 'w' ? ('write' as const) : ('read' as const),
    madeAtMs: Number.parseInt(madeAt, 36),
  }
}

async function start(
  host: VolumesHost,
  { domain, disk, virsh, volume }: { domain: string; disk: XmlElement; virsh: Virsh; volume: VolumeRef },
): Promise<void> {
  const words = ['create', { content: toXml(domainElement(domain, disk)) }, '--paused', '--autodestroy']
  // A key of LUKS may be slow to guess by intent: other programs make keys that take 2.3 s to open, each file of the chain again.
  await ask(host, words, { mutating: true, resource: volume.name, timeoutMs: Infinity, virsh })
}

/** Its guest never runs, so emulation is as good as anything. */
const domainElement = (name: string, disk: XmlElement): XmlElement =>
  el(
    'domain',
    { type: 'qemu', 'xmlns:qemu': 'http://libvirt.org/schemas/domain/qemu/1.0' },
    el('name', {}, name),
    el('memory', { unit: 'MiB' }, '16'),
    el('vcpu', {}, '1'),
    el('os', {}, el('type', {}, 'hvm')),
    el(
      'devices',
      {},
      disk,
      el('controller', { type: 'usb', model: 'none' }),
      el('memballoon', { model: 'none' }),
      el('video', {}, el('model', { type: 'none' })),
    ),
    // An NBD server may then write beside the device of the guest that never runs (libvirt's own <shareable/> is for raw images only).
    el(
      'qemu:override',
      {},
      el(
        'qemu:device',
        { alias: 'virtio-disk0' },
        el('qemu:frontend', {}, el('qemu:property', { name: 'share-rw', type: 'bool', value: 'true' })),
      ),
    ),
  )

/** Not there any more is fine. First without force: QEMU saves dirty bitmaps when it ends by itself. */
async function endDomain(host: VolumesHost, domain: string): Promise<void> {
  const gone = unless('VIR_ERR_NO_DOMAIN', 'VIR_ERR_OPERATION_INVALID')
  const call = { mutating: true, resource: domain }
  try {
    await ask(host, ['destroy', domain, '--graceful'], call).catch(gone)
  } catch {
    await ask(host, ['destroy', domain], call).catch(gone)
  }
}

/** A domain's own folder on the host: QEMU keeps a key there, and its security labels let it make sockets there and nowhere else. */
export async function folderOf(host: VolumesHost, domain: string): Promise<string> {
  const path = await monitor(host, domain, 'qom-get', { path: '/objects/masterKey0', property: 'file' })
  return dirname(String(path))
}

/** Runs one QMP command in a domain's QEMU. */
export async function monitor(
  host: VolumesHost,
  domain: string,
  execute: string,
  words: Record<string, unknown> = {},
): Promise<unknown> {
  const command = JSON.stringify({ execute, arguments: words })
  const { text } = await host.gate(
    {
      operation: `virsh qemu-monitor-command ${execute}`,
      mutating: !/^(query-|qom-get)/.test(execute),
      resource: domain,
    },
    (signal) => host.virsh.run(['qemu-monitor-command', domain, command], signal),
  )
  const answer = JSON.parse(text) as { return?: unknown; error?: { class: string; desc: string } }
  if (!answer.error) return answer.return
  throw refusal('volumes', `Host ${host.name}, ${execute}: ${answer.error.desc}`, {
    code: 'cloud_error',
    kind: 'retryable',
    vendorCode: answer.error.class,
  })
}
