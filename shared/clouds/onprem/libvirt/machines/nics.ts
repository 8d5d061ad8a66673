import { isIPv4 } from 'node:net'
import type { MachineNic } from '#shared/clouds/onprem/host.ts'
import { checkedId, invalid, networkName } from '#shared/clouds/onprem/libvirt/names.ts'
import { el, type XmlElement } from '#shared/clouds/onprem/libvirt/xml.ts'
import { nicSlot } from './slots.ts'

/** `<interface>` elements of the interfaces that libvirt manages: those on networks and bridges of the host. */
export const nicElements = (
  nics: readonly MachineNic[],
  filters: readonly (string | undefined)[],
): XmlElement[] =>
  nics.flatMap((nic, index) => {
    if (nic.kind === 'user') return []
    const source = checkedId(`nics.${index}.source`, nic.source ?? '')
    const filter = filters[index]
    return [
      el(
        'interface',
        { type: nic.kind === 'nat' ? 'network' : 'bridge' },
        el('mac', { address: checkedMac(nic.mac, index) }),
        el('source', nic.kind === 'nat' ? { network: networkName(source) } : { bridge: source }),
        el('model', { type: 'virtio' }),
        filter === undefined ? undefined : el('filterref', { filter }),
        el('rom', { enabled: 'no' }),
        el('address', { type: 'pci', domain: 0, bus: 0, slot: nicSlot(index), function: 0 }),
      ),
    ]
  })

/**
 * User-mode interfaces go past libvirt to QEMU: libvirt's own can neither choose the guest's address nor be given forwards by a name that we
 * know. https://libvirt.org/drvqemu.html#pass-through-of-arbitrary-qemu-commands
 */
export function userNetworkArguments(nics: readonly MachineNic[]): XmlElement | undefined {
  const words = nics.flatMap((nic, index) => (nic.kind === 'user' ? argumentsOf(nic, index) : []))
  if (words.length === 0) return undefined
  return el('qemu:commandline', {}, ...words.map((value) => el('qemu:arg', { value })))
}

function argumentsOf({ mac, cidr, address }: MachineNic, index: number): string[] {
  const range = cidr === undefined ? [] : [`net=${checkedCidr(cidr, index)}`]
  const first = address === undefined ? [] : [`dhcpstart=${checkedAddress(address, index)}`]
  const slot = nicSlot(index).toString(16)
  return [
    '-netdev',
    ['user', `id=net${index}`, 'ipv6=off', ...range, ...first].join(','),
    '-device',
    `virtio-net-pci,netdev=net${index},id=nic${index},mac=${checkedMac(mac, index)},bus=pcie.0,addr=0x${slot},romfile=`,
  ]
}

function checkedMac(mac: string, index: number): string {
  if (/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i.test(mac)) return mac
  throw invalid(`nics.${index}.mac`, mac, 'is no MAC address')
}

function checkedAddress(address: string, index: number): string {
  if (isIPv4(address)) return address
  throw invalid(`nics.${index}.address`, address, 'is no IPv4 address')
}

function checkedCidr(cidr: string, index: number): string {
  const [address = '', bits = ''] = cidr.split('/')
  if (isIPv4(address) && /^\d{1,2}$/.test(bits) && Number(bits) <= 32) return cidr
  throw invalid(`nics.${index}.cidr`, cidr, 'is no IPv4 range')
}
