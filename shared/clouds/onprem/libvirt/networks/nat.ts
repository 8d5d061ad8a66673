import { addressAt, isFault, parseCidr, sizeOf } from '#shared/cidr.ts'
import { uuidOf } from '#shared/clouds/onprem/ids.ts'
import type { LibvirtHost } from '#shared/clouds/onprem/libvirt/connection.ts'
import { bridgeName, checkedId, invalid, networkName } from '#shared/clouds/onprem/libvirt/names.ts'
import { ask } from '#shared/clouds/onprem/libvirt/volumes/base.ts'
import { isError } from '#shared/clouds/onprem/libvirt/volumes/errors.ts'
import { unless } from '#shared/clouds/onprem/libvirt/volumes/pools.ts'
import { el, toXml, type XmlElement } from '#shared/clouds/onprem/libvirt/xml.ts'
import { refusal } from '#shared/clouds/onprem/refusals.ts'

/**
 * Makes a network of the host's own, with DHCP and NAT to the outside; it starts with the daemon. There already is fine.
 * https://libvirt.org/formatnetwork.html
 */
export async function createNat(host: LibvirtHost, id: string, { cidr }: { cidr: string }): Promise<void> {
  if (!host.privileged)
    throw refusal('networks', `Host ${host.name} has no NAT networks: its daemon is a user's own.`, {
      code: 'unsupported',
      remedy: 'Register it with a /system URI, or use user-mode networks.',
    })
  const name = networkName(checkedId('network', id))
  const call = { mutating: true, resource: id }
  await ask(host, ['net-define', { content: toXml(networkXml(id, cidr)) }], call)
  await ask(host, ['net-autostart', name], call)
  await ask(host, ['net-start', name], call).catch((error: unknown) => {
    if (!isError(error, /^VIR_ERR_OPERATION_INVALID$/, /already active/)) throw error
  })
}

/** Gone already is fine. */
export async function removeNat(host: LibvirtHost, id: string): Promise<void> {
  const name = networkName(checkedId('network', id))
  const call = { mutating: true, resource: id }
  await ask(host, ['net-destroy', name], call).catch(
    unless('VIR_ERR_NO_NETWORK', 'VIR_ERR_OPERATION_INVALID'),
  )
  await ask(host, ['net-undefine', name], call).catch(unless('VIR_ERR_NO_NETWORK'))
}

/** Ids of the networks that we made. */
export async function natNetworks(host: LibvirtHost): Promise<string[]> {
  if (!host.privileged) return []
  const { text } = await ask(host, ['net-list', '--all', '--name'], { mutating: false })
  return text.split('\n').flatMap((line) => /^nc-(\S+)/.exec(line.trim())?.[1] ?? [])
}

/** The first address is the host's, the others are given to guests. @throws CloudError `invalid_request` */
function networkXml(id: string, text: string): XmlElement {
  const cidr = parseCidr(text)
  if (isFault(cidr)) throw invalid('cidr', text, `${cidr.reason}; ${cidr.remedy}`)
  if (cidr.family !== 4 || cidr.prefix > 29)
    throw invalid('cidr', text, 'is no IPv4 range with at least eight addresses')
  return el(
    'network',
    {},
    el('name', {}, networkName(id)),
    el('uuid', {}, uuidOf('libvirt network', id)),
    el('forward', { mode: 'nat' }),
    el('bridge', { name: bridgeName(id), stp: 'on', delay: 0 }),
    el(
      'ip',
      { address: addressAt(cidr, 1n), prefix: cidr.prefix },
      el('dhcp', {}, el('range', { start: addressAt(cidr, 2n), end: addressAt(cidr, sizeOf(cidr) - 2n) })),
    ),
  )
}
