import { refused } from '#shared/disks/image/refuse.ts'
import { parseXml, type XmlElement } from '#shared/xml.ts'

/** A disk as an OVF descriptor tells of it. */
export interface OvfDisk {
  /** The file's name in the archive. */
  file: string
  capacityBytes: number
  /** What the capacity is counted in: so far it may be rounded up. */
  unitBytes: number
  format: 'vmdk' | 'qcow2' | 'vhd' | 'vhdx' | 'raw'
}

/** A virtual machine as an OVF descriptor tells of it. */
export interface OvfSystem {
  /** Boot disk first. */
  disks: OvfDisk[]
  /** Undefined where it says nothing, or nothing that makes sense. */
  hardware: { vcpus: number; memoryMib: number } | undefined
}

/**
 * Reads which disks a virtual system has, in the order of its hardware, and how large it is. DMTF DSP0243, OVF 1.x and 2.x.
 * @throws DiskError `image_refused`
 */
export function readOvf(document: string): OvfSystem {
  // Entities of its own are what could make a small document a large one, or reach for a file.
  if (/<!(?:DOCTYPE|ENTITY)/i.test(document)) throw refused('its OVF descriptor has a document type')
  const all = elementsOf(document)
  const named = (name: string) => all.filter((each) => localName(each.name) === name)
  const files = new Map(named('File').map((file) => [attribute(file, 'id'), file]))
  const disks = new Map(named('Disk').map((disk) => [attribute(disk, 'diskId'), disk]))
  const ordered = named('Item')
    .concat(named('StorageItem'))
    .filter((item) => textOf(item, 'ResourceType') === '17')
    .map((item) => /^(?:ovf:)?\/+disk\/(.+)$/.exec(textOf(item, 'HostResource') ?? '')?.[1])
  const ids = new Set([...ordered.filter((id) => id !== undefined && disks.has(id)), ...disks.keys()])
  const found = [...ids].flatMap((id) => disks.get(id) ?? []).map((disk) => readDisk(disk, files))
  if (found.length === 0) throw refused('its OVF descriptor names no disk')
  return { disks: found, hardware: hardwareOf(named('Item')) }
}

/** CIM's resource types: 3 processor, 4 memory. It is a hint, so what cannot be is left out and refuses nothing. */
function hardwareOf(items: readonly XmlElement[]): OvfSystem['hardware'] {
  const item = (type: string) => items.find((each) => textOf(each, 'ResourceType') === type)
  const [processor, memory] = [item('3'), item('4')]
  const quantity = (of: XmlElement | undefined) => Number((of && textOf(of, 'VirtualQuantity')) ?? Number.NaN)
  // Where memory names no unit it is MB: so wrote the tools of OVF 0.9.
  const unit = unitOf((memory && textOf(memory, 'AllocationUnits')) ?? 'MegaBytes') ?? Number.NaN
  const [vcpus, memoryMib] = [quantity(processor), (quantity(memory) * unit) / 2 ** 20]
  const possible =
    Number.isSafeInteger(vcpus) && vcpus >= 1 && vcpus <= 1024 && memoryMib >= 1 && memoryMib <= 2 ** 25
  return possible ? { vcpus, memoryMib: Math.ceil(memoryMib) } : undefined
}

function readDisk(disk: XmlElement, files: ReadonlyMap<string | undefined, XmlElement>): OvfDisk {
  const file = files.get(attribute(disk, 'fileRef'))
  const name = file && attribute(file, 'href')
  if (!file || name === undefined) throw refused('its OVF descriptor names a disk without a file')
  if (attribute(disk, 'parentRef') !== undefined) throw refused('a disk in it builds on another one')
  const compression = attribute(file, 'compression')
  if (compression !== undefined && compression !== 'identity')
    throw refused(
      `its disk ${JSON.stringify(name)} is packed by ${compression}`,
      'Export it without packing the file.',
    )
  if (attribute(file, 'chunkSize') !== undefined)
    throw refused(`its disk ${JSON.stringify(name)} is cut into pieces`)
  return { file: name, ...capacityOf(disk), format: formatOf(attribute(disk, 'format') ?? '') }
}

function capacityOf(disk: XmlElement): Pick<OvfDisk, 'capacityBytes' | 'unitBytes'> {
  const [capacity = '', units = 'byte'] = [
    attribute(disk, 'capacity'),
    attribute(disk, 'capacityAllocationUnits'),
  ]
  const unit = unitOf(units)
  const bytes = /^\d{1,18}$/.test(capacity) && unit !== undefined ? Number(capacity) * unit : Number.NaN
  if (unit === undefined || !Number.isSafeInteger(bytes))
    throw refused('its OVF descriptor does not say how large a disk is')
  return { capacityBytes: bytes, unitBytes: unit }
}

/** Bytes that a unit stands for. */
function unitOf(units: string): number | undefined {
  const power = /^byte(?:s)?(?:\s*\*\s*2\^(\d{1,2}))?$/i.exec(units.trim())
  return power ? 2 ** Number(power[1] ?? 0) : words[units.trim().toLowerCase()]
}

/** Of OVF 0.9 and of tools that still write so. */
const words: Readonly<Record<string, number>> = {
  kilobytes: 2 ** 10,
  megabytes: 2 ** 20,
  gigabytes: 2 ** 30,
  kb: 2 ** 10,
  mb: 2 ** 20,
  gb: 2 ** 30,
}

function formatOf(uri: string): OvfDisk['format'] {
  if (/vmdk/i.test(uri)) return 'vmdk'
  if (/qcow/i.test(uri)) return 'qcow2'
  if (/vhdx/i.test(uri)) return 'vhdx'
  if (/vhd|virtualhd|virtual_hard_disk/i.test(uri)) return 'vhd'
  if (/raw/i.test(uri)) return 'raw'
  throw refused(`a disk in it has a format that is not known (${JSON.stringify(uri.slice(0, 100))})`)
}

function elementsOf(document: string): XmlElement[] {
  const found: XmlElement[] = []
  const walk = (element: XmlElement) => {
    found.push(element)
    element.children.forEach(walk)
  }
  try {
    walk(parseXml(document))
  } catch (error) {
    throw refused(`its OVF descriptor is not XML: ${error instanceof Error ? error.message : 'unreadable'}`)
  }
  return found
}

const localName = (name: string): string => name.slice(name.indexOf(':') + 1)

const attribute = (element: XmlElement, name: string): string | undefined =>
  Object.entries(element.attributes).find(([key]) => localName(key) === name)?.[1]

const textOf = (element: XmlElement, name: string): string | undefined =>
  element.children.find((each) => localName(each.name) === name)?.text.trim()
