import { invalid } from '#shared/clouds/onprem/libvirt/names.ts'
import { el, type XmlElement } from '#shared/clouds/onprem/libvirt/xml.ts'

// Every device has its slot by what it is, not by the order in which it came: a guest finds its interface and disks again after each change.

/** Disks that can be plugged in while a machine runs, each into a root port of its own, which costs the firmware about 2 ms under emulation. */
export const diskPorts = 16

/** The root ports, eight to a slot: each on its own would use up the slots of the board. One more than disks, for the seed. */
export const rootPorts = (): XmlElement[] => [
  el('controller', { type: 'pci', index: 0, model: 'pcie-root' }),
  ...Array.from({ length: diskPorts + 1 }, (_, index) =>
    el(
      'controller',
      { type: 'pci', index: index + 1, model: 'pcie-root-port' },
      el('address', {
        type: 'pci',
        domain: 0,
        bus: 0,
        slot: 0x10 + (index >> 3),
        function: index & 7,
        multifunction: (index & 7) === 0 ? 'on' : undefined,
      }),
    ),
  ),
]

/** A slot of the board itself. */
export const onBoard = (slot: number): XmlElement =>
  el('address', { type: 'pci', domain: 0, bus: 0, slot, function: 0 })

/** Slot of an interface on the board. */
export const nicSlot = (index: number): number => 8 + index

/** Where the disk called `vda`, `vdb` … is plugged in. The guest looks at the ports in order, so its names follow ours. */
export const diskAddress = (device: string): XmlElement =>
  el('address', { type: 'pci', domain: 0, bus: portOf(device) + 1, slot: 0, function: 0 })

/** The seed comes last, so that it takes no disk's name. */
export const seedDevice = 'vdz'

function portOf(device: string): number {
  if (device === seedDevice) return diskPorts
  const letter = /^vd([a-p])$/.exec(device)?.[1]
  if (letter === undefined) throw invalid('device', device, 'is none of vda to vdp')
  return letter.charCodeAt(0) - 'a'.charCodeAt(0)
}
