import type { MachineSpec } from '#shared/clouds/onprem/host.ts'
import { domainName } from '#shared/clouds/onprem/libvirt/names.ts'
import { child, el, textOf, type XmlElement } from '#shared/clouds/onprem/libvirt/xml.ts'
import { cpuElement, growthDevice, memoryElements } from './growth.ts'
import { nicElements, userNetworkArguments } from './nics.ts'
import { onBoard, rootPorts } from './slots.ts'

/** What is known of a machine beside its spec when its definition is written. */
export interface DomainParts {
  type: 'kvm' | 'qemu'
  /** Versioned name of the board; undefined at first, when libvirt chooses the newest. It then stays, so that a guest sees the same hardware. */
  machineType: string | undefined
  /** `<disk>` elements with their addresses. */
  disks: XmlElement[]
  /** File that the serial console goes to. */
  consolePath: string
  /** Name of the filter of each interface, where there is one. */
  filters: (string | undefined)[]
}

/**
 * The whole definition of a machine. Our spec lies in its metadata, so that both change in one call.
 * https://libvirt.org/formatdomain.html
 */
export function domainXml(spec: MachineSpec, parts: DomainParts): XmlElement {
  const isArm = spec.architecture === 'arm64'
  return el(
    'domain',
    { type: parts.type, 'xmlns:qemu': 'http://libvirt.org/schemas/domain/qemu/1.0' },
    el('name', {}, domainName(spec.id)),
    el('uuid', {}, spec.id),
    // libvirt takes no title with a line break.
    el('title', {}, spec.name.replaceAll(/\s+/g, ' ')),
    el('metadata', {}, specElement(spec)),
    ...memoryElements(spec),
    el('vcpu', { current: spec.vcpus }, `${Math.max(spec.vcpus, spec.maxVcpus)}`),
    el(
      'os',
      { firmware: spec.firmware === 'uefi' ? 'efi' : undefined },
      el(
        'type',
        { arch: isArm ? 'aarch64' : 'x86_64', machine: parts.machineType ?? (isArm ? 'virt' : 'q35') },
        'hvm',
      ),
      spec.firmware === 'uefi'
        ? el('firmware', {}, el('feature', { enabled: 'no', name: 'secure-boot' }))
        : undefined,
    ),
    el('features', {}, el('acpi'), isArm ? undefined : el('apic')),
    cpuElement(spec, parts.type),
    el('clock', { offset: 'utc' }),
    el('on_poweroff', {}, 'destroy'),
    el('on_reboot', {}, 'restart'),
    el('on_crash', {}, 'destroy'),
    el(
      'devices',
      {},
      ...rootPorts(),
      el('controller', { type: 'usb', model: 'none' }),
      el('controller', { type: 'virtio-serial', index: 0 }, onBoard(0x02)),
      ...parts.disks,
      ...nicElements(spec.nics, parts.filters),
      el(
        'serial',
        { type: 'file' },
        el('source', { path: parts.consolePath, append: 'off' }),
        el('target', { port: 0 }),
      ),
      el('channel', { type: 'unix' }, el('target', { type: 'virtio', name: 'org.qemu.guest_agent.0' })),
      growthDevice(spec),
      el('memballoon', { model: 'virtio' }, onBoard(0x03), el('stats', { period: 10 })),
      el('rng', { model: 'virtio' }, el('backend', { model: 'random' }, '/dev/urandom'), onBoard(0x04)),
    ),
    userNetworkArguments(spec.nics),
  )
}

/** Our spec within the metadata. */
export const specElement = (spec: MachineSpec): XmlElement =>
  el(metadataName, { 'xmlns:novacron': 'urn:novacron:machine:1' }, JSON.stringify(spec))

/** What a domain's metadata says it is; undefined for domains of others. */
export function specOf(domain: XmlElement): MachineSpec | undefined {
  const text = textOf(domain, 'metadata', metadataName)
  return text === undefined ? undefined : (JSON.parse(text) as MachineSpec)
}

/** The versioned name of a domain's board. */
export const machineTypeOf = (domain: XmlElement | undefined): string | undefined =>
  child(domain, 'os', 'type')?.attributes['machine']

const metadataName = 'novacron:machine'
