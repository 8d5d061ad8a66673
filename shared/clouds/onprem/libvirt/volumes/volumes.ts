import type { HostVolumes, MachineDisk, VolumeRef } from '#shared/clouds/onprem/host.ts'
import { parseXml, type XmlElement } from '#shared/clouds/onprem/libvirt/xml.ts'
import { refusal } from '#shared/clouds/onprem/refusals.ts'
import { backup, copyContent, forgetMark, runningDomain, withDisk } from './backup.ts'
import { ask, checkedName, type VolumesHost } from './base.ts'
import { deviceOf, diskElement, filesOf, requireVolume } from './disk.ts'
import { settle } from './helper.ts'
import { openSink, openSource } from './io.ts'
import { makeVolume, upload } from './make.ts'
import { findWhole, making, removeWhole } from './making.ts'
import {
  factsOf,
  findVolume,
  linesOf,
  listVolumes,
  poolFacts,
  poolNames,
  removeFile,
  unless,
} from './pools.ts'
import { dropSecret } from './secrets.ts'

/** Volumes of a libvirt host, and what machines need of them. */
export interface LibvirtVolumes extends HostVolumes {
  /** A machine's `<disk>`, with its chain of files and their keys, which the daemon then knows. */
  diskElement(disk: MachineDisk): Promise<XmlElement>
  /** Before a machine starts on a volume: ends what a process that died has left open there. @throws CloudError `conflict` if it is being read. */
  release(volume: VolumeRef): Promise<void>
}

/** Everything by libvirt's own calls, so that a host at the other end of an ssh connection is like one here. Makes no call itself. */
export function createVolumes(host: VolumesHost): LibvirtVolumes {
  return {
    pools: async () => Promise.all((await poolNames(host)).map((pool) => poolFacts(host, pool))),
    list: (pool) => listVolumes(host, pool),
    async get(ref) {
      const found = await findWhole(host, ref)
      return found && factsOf(found)
    },
    create: (ref, wishes) => create(host, ref, wishes),
    async copy(from, to, { sizeBytes } = {}) {
      await making(host, to, async () => {
        await copyContent(host, from, to)
        if (sizeBytes !== undefined) await resize(host, to, sizeBytes)
      })
    },
    resize: (ref, sizeBytes, machine) => resize(host, ref, sizeBytes, machine),
    delete: (ref) => remove(host, ref),
    writeFile: (ref, content) => writeFile(host, ref, content),
    openSource: (ref, options) => openSource(host, ref, options),
    openSink: (ref) => openSink(host, ref),
    backup: (volume, target, options) => backup(host, volume, target, options),
    forgetMark: (volume, mark, machine) => forgetMark(host, volume, mark, machine),
    diskElement: (disk) => diskElement(host, disk),
    release: (volume) => settle(host, volume, 'write'),
  }
}

async function create(
  host: VolumesHost,
  ref: VolumeRef,
  { sizeBytes, backing }: { sizeBytes: number; backing?: VolumeRef },
): Promise<void> {
  const isNew = await making(host, ref, async () => {
    const base = backing && (await requireVolume(host, backing))
    await makeVolume(host, ref, { sizeBytes, ...(base && { backing: base }) })
  })
  if (isNew) return
  const { sizeBytes: itsSizeBytes } = await requireVolume(host, ref)
  if (itsSizeBytes !== sizeBytes)
    throw refusal('volumes', `Volume ${ref.name} is there already, with ${itsSizeBytes} bytes.`, {
      code: 'conflict',
    })
}

async function resize(host: VolumesHost, ref: VolumeRef, sizeBytes: number, machine?: string): Promise<void> {
  const found = await requireVolume(host, ref)
  if (found.sizeBytes === sizeBytes) return
  if (found.sizeBytes > sizeBytes)
    throw refusal('volumes', `Volume ${ref.name} has ${found.sizeBytes} bytes and cannot be made smaller.`, {
      code: 'invalid_request',
      remedy: 'Give a larger size.',
    })
  const call = { mutating: true, resource: ref.name, timeoutMs: Infinity }
  const running = machine === undefined ? undefined : await runningDomain(host, machine)
  // The key of an encrypted one is known to QEMU only where it has the volume open.
  if (found.encrypted || (running && deviceOf(running, found.path) !== undefined))
    await withDisk(host, ref, { machine, kind: 'write' }, ({ domain, device }) =>
      ask(host, ['blockresize', domain, device, `${sizeBytes}B`], call),
    )
  else {
    await settle(host, ref, 'write')
    await ask(host, ['vol-resize', checkedName(ref.name), `${sizeBytes}B`, '--pool', ref.pool], call)
  }
}

async function remove(host: VolumesHost, ref: VolumeRef): Promise<void> {
  await settle(host, ref, 'write')
  const found = await findVolume(host, ref.pool, ref.name)
  const user = found && (await userOf(host, found.path))
  if (user !== undefined)
    throw refusal('volumes', `Volume ${ref.name} is in use by the running machine ${user}.`, {
      code: 'conflict',
    })
  await removeWhole(host, ref)
  if (ref.keyName !== undefined) await dropSecret(host, ref.keyName)
}

/** The running domain that has a file open, on its own or below another. */
async function userOf(host: VolumesHost, path: string): Promise<string | undefined> {
  const { text } = await ask(host, ['list', '--uuid'], { mutating: false })
  for (const uuid of linesOf(text)) {
    const answer = await ask(host, ['dumpxml', uuid], { mutating: false, resource: uuid }).catch(
      unless('VIR_ERR_NO_DOMAIN'),
    )
    if (answer && filesOf(parseXml(answer.text)).includes(path)) return uuid
  }
  return undefined
}

async function writeFile(host: VolumesHost, ref: VolumeRef, content: Buffer): Promise<void> {
  const { pool, name, format } = ref
  if (format !== 'raw')
    throw refusal('volumes', `${name}: only a raw volume can be written as a file.`, {
      code: 'invalid_request',
    })
  await removeFile(host, pool, name)
  await makeVolume(host, ref, { sizeBytes: content.length })
  await upload(host, ref, content)
}
