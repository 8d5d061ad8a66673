import type { LibvirtHost } from '#shared/clouds/onprem/libvirt/connection.ts'
import { checkedUuid } from '#shared/clouds/onprem/libvirt/names.ts'
import { ask } from '#shared/clouds/onprem/libvirt/volumes/base.ts'
import { fileNames, poolNames, poolPath, unless } from '#shared/clouds/onprem/libvirt/volumes/pools.ts'
import { parseXml, textOf } from '#shared/clouds/onprem/libvirt/xml.ts'
import { outputFile, type VirshWord } from '#shared/clouds/onprem/libvirt/virsh.ts'
import { refusal } from '#shared/clouds/onprem/refusals.ts'

// The serial console goes to a file in the first storage pool: so it can be read through libvirt, also from afar.

/** Path of the file on the host. */
export const consolePath = async (host: LibvirtHost, id: string): Promise<string> =>
  `${await poolPath(host, await firstPool(host))}/${consoleName(id)}`

/** Lets libvirt know the file before QEMU writes to it, since what it does not know it does not read. There already is fine. */
export async function ensureConsole(host: LibvirtHost, id: string): Promise<void> {
  const name = consoleName(id)
  const words = ['vol-create-as', await firstPool(host), name, '0', '--format', 'raw']
  await ask(host, words, { mutating: true, resource: id }).catch(unless('VIR_ERR_STORAGE_VOL_EXIST'))
}

/** Its last 64 KiB; undefined before the first start. */
export async function readConsole(host: LibvirtHost, id: string): Promise<string | undefined> {
  const place = ['--vol', consoleName(id), '--pool', await firstPool(host)]
  const call = { mutating: false, resource: id }
  const facts = await ask(host, ['vol-dumpxml', ...place], call).catch(unless('VIR_ERR_NO_STORAGE_VOL'))
  if (!facts) return undefined
  const sizeBytes = Number(textOf(parseXml(facts.text), 'capacity'))
  const words: VirshWord[] = [
    'vol-download',
    ...place,
    '--offset',
    `${Math.max(0, sizeBytes - shownBytes)}`,
    outputFile,
  ]
  const { output } = await ask(host, words, call)
  return output.subarray(-shownBytes).toString()
}

/** Also the older parts (`.log.0` …) that libvirt's log daemon keeps, which are cut off every 2 MiB. */
export async function removeConsole(host: LibvirtHost, id: string): Promise<void> {
  const pool = await firstPool(host)
  for (const name of await fileNames(host, pool))
    if (name.startsWith(consoleName(id)))
      await ask(host, ['vol-delete', '--vol', name, '--pool', pool], { mutating: true, resource: id }).catch(
        unless('VIR_ERR_NO_STORAGE_VOL'),
      )
}

const shownBytes = 64 * 1024

const consoleName = (id: string): string => `nc-console-${checkedUuid(id)}.log`

async function firstPool(host: LibvirtHost): Promise<string> {
  const [first] = await poolNames(host)
  if (first !== undefined) return first
  throw refusal('machines', `Host ${host.name} has no storage pool of type dir that is started.`, {
    code: 'invalid_request',
    remedy:
      'Make one there (virsh pool-define-as, pool-start, pool-autostart), or name it in the registration.',
  })
}
