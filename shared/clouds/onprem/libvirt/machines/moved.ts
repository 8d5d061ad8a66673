import type { MachineSpec } from '#shared/clouds/onprem/host.ts'
import { child, el, type XmlElement } from '#shared/clouds/onprem/libvirt/xml.ts'
import { specElement } from './domain-xml.ts'

/** What a running machine is on the host that it moves to: the same hardware on other files. */
export function movedDomain(
  domain: XmlElement,
  spec: MachineSpec,
  { disks, console }: { disks: readonly XmlElement[]; console: string },
): XmlElement {
  const byDevice = new Map(disks.map((disk) => [deviceOf(disk), disk]))
  const changed = (element: XmlElement): XmlElement => {
    if (element.name === 'metadata') return el('metadata', {}, specElement(spec))
    if (element.name === 'devices') return { ...element, children: element.children.map(changed) }
    if (element.name === 'disk') return onOtherFiles(element, byDevice.get(deviceOf(element)))
    if (element.name === 'serial' || element.name === 'console') return printingTo(element, console)
    return element
  }
  return { ...domain, children: domain.children.map(changed) }
}

const deviceOf = (disk: XmlElement): string | undefined => child(disk, 'target')?.attributes['dev']

/** The seed has the same name on every host, so it stays as it is. */
function onOtherFiles(disk: XmlElement, there: XmlElement | undefined): XmlElement {
  if (!there) return disk
  const files = new Set(['source', 'backingStore'])
  return {
    ...disk,
    children: [
      ...disk.children.filter(({ name }) => !files.has(name)),
      ...there.children.filter(({ name }) => files.has(name)),
    ],
  }
}

const printingTo = (element: XmlElement, path: string): XmlElement => ({
  ...element,
  children: element.children.map((each) =>
    each.name === 'source' ? { ...each, attributes: { ...each.attributes, path } } : each,
  ),
})
