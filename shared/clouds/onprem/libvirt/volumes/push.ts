import { HostError } from '#shared/clouds/onprem/gate.ts'
import { el, parseXml, toXml, type XmlElement } from '#shared/clouds/onprem/libvirt/xml.ts'
import { pause } from '#shared/clouds/scope.ts'
import { ask, type VolumesHost } from './base.ts'
import { isError } from './errors.ts'
import type { OpenDisk } from './marks.ts'
import { unless } from './pools.ts'
import { encryptionElement } from './volume-xml.ts'

export interface Push {
  disk: OpenDisk
  /** A volume of the disk's size that is there already. */
  target: { path: string; format: 'qcow2' | 'raw'; secret?: string }
  /** Only what changed since that mark. */
  since?: string
  /** Stands around the moment whose content is copied: stills the guest's writes and lets them go on. */
  quiesced?: (begin: () => Promise<void>) => Promise<void>
  onProgress?: ((done: number, total: number) => void) | undefined
}

/**
 * Has QEMU write what a disk holds at this moment into a volume (libvirt's backup in push mode) and waits until that is durable: libvirt closes
 * the target before it says that the job is done.
 * @returns bytes copied.
 */
export async function push(
  host: VolumesHost,
  { quiesced = (moment) => moment(), ...work }: Push,
): Promise<number> {
  const { disk, target, onProgress } = work
  await awaitTurn(host, disk.domain, target.path)
  // What is known of an earlier job is forgotten by being read, so that it cannot be taken for this one's.
  await ask(host, ['domjobinfo', disk.domain, '--completed', '--rawstats'], { mutating: false })
  await quiesced(() => begin(host, work))
  return finish(host, disk.domain, onProgress)
}

async function begin(host: VolumesHost, { disk, target, since }: Push): Promise<void> {
  await ask(
    host,
    ['backup-begin', disk.domain, { content: toXml(backupElement(disk, target, since)) }, '--reuse-external'],
    { mutating: true, resource: target.path, timeoutMs: Infinity },
  )
}

/** https://libvirt.org/formatbackup.html */
const backupElement = (
  { device }: OpenDisk,
  { path, format, secret }: Push['target'],
  since: string | undefined,
): XmlElement =>
  el(
    'domainbackup',
    { mode: 'push' },
    since === undefined ? undefined : el('incremental', {}, since),
    el(
      'disks',
      {},
      el(
        'disk',
        { name: device, backup: 'yes', type: 'file' },
        el('driver', { type: format }),
        el('target', { file: path }, secret === undefined ? undefined : encryptionElement(secret)),
      ),
    ),
  )

/** A domain has one backup at a time. One of an earlier try to the same target is ended; others are waited for, they end by themselves. */
async function awaitTurn(host: VolumesHost, domain: string, path: string): Promise<void> {
  for (let delayMs = 50; ; delayMs = Math.min(1000, delayMs * 2)) {
    const { text } = (await ask(host, ['backup-dumpxml', domain], { mutating: false }).catch(noBackup)) ?? {
      text: '',
    }
    if (text === '') return
    if (targetsOf(parseXml(text)).includes(path))
      await ask(host, ['domjobabort', domain], { mutating: true, resource: domain }).catch(
        unless('VIR_ERR_OPERATION_INVALID'),
      )
    await pause(delayMs)
  }
}

const noBackup = (error: unknown): undefined => {
  if (!isError(error, /./, /no domain backup job|backup job id|not present/i)) throw error
}

const targetsOf = (backup: XmlElement): string[] =>
  backup.children
    .flatMap(({ children }) => children)
    .flatMap(({ children }) => children.map(({ attributes }) => attributes['file'] ?? ''))

/** Waits for the end of the job, and tells how it went. @throws CloudError with QEMU's words if it failed. */
async function finish(host: VolumesHost, domain: string, onProgress: Push['onProgress']): Promise<number> {
  for (let delayMs = 20; ; delayMs = Math.min(500, delayMs * 2)) {
    await pause(delayMs)
    const running = await stats(host, domain, [])
    if (running['operation'] !== undefined) {
      onProgress?.(Number(running['disk_processed'] ?? 0), Number(running['disk_total'] ?? 0))
      continue
    }
    const ended = await stats(host, domain, ['--completed', '--keep-completed'])
    return host.gate({ operation: 'virsh backup-begin', mutating: false, resource: domain }, async () =>
      copiedBytes(ended),
    )
  }
}

async function copiedBytes(ended: Record<string, string>): Promise<number> {
  if (ended['success'] === '1') return Number(ended['disk_processed'] ?? 0)
  const words = ended['errmsg'] ?? 'the job ended without a word'
  throw new HostError(/No space left on device/.test(words) ? 'ENOSPC' : 'backup_failed', words)
}

/** Lines `name: value`; a job that is none has no operation. */
async function stats(host: VolumesHost, domain: string, options: string[]): Promise<Record<string, string>> {
  const { text } = await ask(host, ['domjobinfo', domain, '--rawstats', ...options], { mutating: false })
  return Object.fromEntries(
    text.split('\n').flatMap((line) => {
      const at = line.indexOf(': ')
      return at < 0 ? [] : [[line.slice(0, at).trim(), line.slice(at + 2).trim()]]
    }),
  )
}
