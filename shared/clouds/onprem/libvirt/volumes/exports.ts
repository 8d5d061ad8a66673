import { randomBytes } from 'node:crypto'
import { child, el, parseXml, toXml } from '#shared/clouds/onprem/libvirt/xml.ts'
import { refusal } from '#shared/clouds/onprem/refusals.ts'
import { ask, type VolumesHost } from './base.ts'
import { folderOf, monitor } from './helper.ts'
import { forgetCheckpoint, isTracked, type OpenDisk } from './marks.ts'
import { ownPrefix, poolPath, unless } from './pools.ts'
import { encryptionElement } from './volume-xml.ts'

/** A disk served by NBD on a unix socket of the host. */
export interface DiskExport {
  /** Path on the host. */
  socket: string
  exportName: string
  /** Metadata contexts that it has beside `base:allocation`. */
  contexts: string[]
  end(): Promise<void>
}

/**
 * Serves what a disk holds at this moment, whatever the guest writes from then on (libvirt's backup in pull mode; what the guest overwrites is
 * kept in a scratch file until the end).
 * @param since a mark: what changed since then is listed as `qemu:dirty-bitmap:changes`. @throws CloudError `not_found` if it is lost.
 * @param scratch where the scratch file lies, and the secret it is encrypted with (take one for a running guest's encrypted disk).
 */
export async function exportMoment(
  host: VolumesHost,
  disk: OpenDisk,
  { since, scratch }: { since?: string; scratch: { pool: string; secret?: string } },
): Promise<DiskExport> {
  if (since !== undefined && !(await isTracked(host, disk, since)))
    throw refusal(
      'volumes',
      `What changed on ${disk.device} of ${disk.domain} since ${since} is not known.`,
      {
        code: 'not_found',
        remedy: 'Copy it whole.',
      },
    )
  const socket = `${await folderOf(host, disk.domain)}/nbd.sock`
  const file = `${await poolPath(host, scratch.pool)}/${ownPrefix}scratch.${randomBytes(8).toString('hex')}.qcow2`
  const element = el(
    'domainbackup',
    { mode: 'pull' },
    since === undefined ? undefined : el('incremental', {}, since),
    el('server', { transport: 'unix', socket }),
    el(
      'disks',
      {},
      el(
        'disk',
        {
          name: disk.device,
          backup: 'yes',
          type: 'file',
          exportname: exportName,
          exportbitmap: since === undefined ? undefined : bitmapName,
        },
        el('driver', { type: 'qcow2' }),
        el('scratch', { file }, scratch.secret === undefined ? undefined : encryptionElement(scratch.secret)),
      ),
    ),
  )
  await ask(host, ['backup-begin', disk.domain, { content: toXml(element) }], {
    mutating: true,
    resource: disk.domain,
    timeoutMs: Infinity,
  })
  return {
    socket,
    exportName,
    contexts: since === undefined ? [] : [`qemu:dirty-bitmap:${bitmapName}`],
    async end() {
      await ask(host, ['domjobabort', disk.domain], { mutating: true, resource: disk.domain }).catch(
        unless('VIR_ERR_OPERATION_INVALID', 'VIR_ERR_NO_DOMAIN'),
      )
      if (since !== undefined) await forgetCheckpoint(host, disk, since).catch(unless('VIR_ERR_NO_DOMAIN'))
    },
  }
}

const exportName = 'disk'
const bitmapName = 'changes'

/**
 * Serves the disk itself. libvirt has no call for that, so QEMU is told directly. `depth`: it is also listed in which file of the chain each
 * extent lies (`qemu:allocation-depth`: 1 is the top one, 0 none).
 */
export async function exportDisk(
  host: VolumesHost,
  { domain, device }: OpenDisk,
  { writable, depth }: { writable: boolean; depth: boolean },
): Promise<DiskExport> {
  const socket = `${await folderOf(host, domain)}/nbd.sock`
  await monitor(host, domain, 'nbd-server-start', { addr: { type: 'unix', data: { path: socket } } })
  await monitor(host, domain, 'block-export-add', {
    type: 'nbd',
    id: exportName,
    name: exportName,
    'node-name': await nodeOf(host, domain, device),
    writable,
    'allocation-depth': depth,
  })
  return {
    socket,
    exportName,
    contexts: depth ? ['qemu:allocation-depth'] : [],
    async end() {
      await monitor(host, domain, 'nbd-server-stop')
    },
  }
}

/** QEMU's name of a disk's content; libvirt numbers them by the index of the source. */
async function nodeOf(host: VolumesHost, domain: string, device: string): Promise<string> {
  const { text } = await ask(host, ['dumpxml', domain], { mutating: false, resource: domain })
  const disk = child(parseXml(text), 'devices')?.children.find(
    (each) => each.name === 'disk' && child(each, 'target')?.attributes['dev'] === device,
  )
  const index = child(disk, 'source')?.attributes['index']
  if (index !== undefined) return `libvirt-${index}-format`
  throw refusal('volumes', `Domain ${domain} has no disk ${device}.`, { code: 'not_found' })
}
