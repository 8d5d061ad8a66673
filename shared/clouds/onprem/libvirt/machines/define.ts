import type { MachineDisk, MachineSpec } from '#shared/clouds/onprem/host.ts'
import { invalid } from '#shared/clouds/onprem/libvirt/names.ts'
import { ask } from '#shared/clouds/onprem/libvirt/volumes/base.ts'
import { toXml, type XmlElement } from '#shared/clouds/onprem/libvirt/xml.ts'
import { refusal } from '#shared/clouds/onprem/refusals.ts'
import type { Parts } from './base.ts'
import { consolePath } from './console.ts'
import { domainXml, machineTypeOf, specOf } from './domain-xml.ts'
import { domainOf, stateOf } from './look.ts'
import { diskAddress, seedDevice } from './slots.ts'

/** Writes down what a machine is to be. @throws CloudError `conflict` if that would change a running one. */
export async function define(parts: Parts, spec: MachineSpec): Promise<void> {
  const { host } = parts
  await assertPossible(parts, spec)
  const domain = await domainOf(host, spec.id)
  if (domain && JSON.stringify(specOf(domain)) === JSON.stringify(spec)) return
  const state = domain && (await stateOf(host, spec.id))
  if (state === 'running' || state === 'paused')
    throw refusal('machines', `Machine ${spec.id} runs, so it cannot be made another.`, {
      code: 'conflict',
      remedy: 'Stop the VM, then do it again.',
    })
  await write(parts, spec, domain)
}

/**
 * Writes the definition that the next start takes, in one call, and gives the daemon the keys of its disks.
 * @param before the one that it replaces.
 */
export async function write(parts: Parts, spec: MachineSpec, before: XmlElement | undefined): Promise<void> {
  const { host, facts, networks } = parts
  const { acceleration } = await facts()
  const definition = domainXml(spec, {
    type: acceleration.kind === 'kvm' ? 'kvm' : 'qemu',
    machineType: machineTypeOf(before),
    disks: await diskElements(parts, spec),
    consolePath: await consolePath(host, spec.id),
    filters: await networks.filtersOf(spec),
  })
  await ask(host, ['define', { content: toXml(definition) }], { mutating: true, resource: spec.id })
}

/** With an address, and ready for the daemon to open. */
export async function diskElement({ volumes }: Parts, disk: MachineDisk): Promise<XmlElement> {
  const element = await volumes.diskElement(disk)
  return { ...element, children: [...element.children, diskAddress(disk.device)] }
}

async function diskElements(parts: Parts, { disks, seed }: MachineSpec): Promise<XmlElement[]> {
  const all = await Promise.all(disks.map((disk) => diskElement(parts, disk)))
  const [boot, ...others] = all
  return [
    ...(boot ? [{ ...boot, children: [...boot.children, bootFirst] }] : []),
    ...others,
    ...(seed ? [await diskElement(parts, { volume: seed, device: seedDevice, readOnly: true })] : []),
  ]
}

const bootFirst: XmlElement = { name: 'boot', attributes: { order: '1' }, children: [], text: '' }

/** Refuses what this host cannot run, before anything is made. @throws CloudError `invalid_request` or `unsupported` */
async function assertPossible({ facts }: Parts, spec: MachineSpec): Promise<void> {
  const { architectures, firmwares, networkKinds } = await facts()
  const missing = (field: string, what: string, remedy: string) =>
    refusal('machines', `${field}: this host has no ${what}.`, { code: 'unsupported', remedy })
  if (!architectures.includes(spec.architecture))
    throw missing(
      'architecture',
      `QEMU for ${spec.architecture}`,
      'Choose another host, or install it there.',
    )
  if (!firmwares.includes(spec.firmware))
    throw missing(
      'firmware',
      spec.firmware,
      'Install OVMF there (Debian: apt-get install ovmf), or choose BIOS.',
    )
  for (const [index, { kind }] of spec.nics.entries())
    if (!networkKinds.includes(kind))
      throw missing(`nics.${index}.kind`, `${kind} networks`, 'Choose another host or network.')
  if (spec.nics.length > 8)
    throw invalid('nics', spec.nics.length, 'is more than the 8 that a machine can have')
  const sizes = {
    vcpus: [spec.vcpus, spec.maxVcpus],
    memoryMib: [spec.memoryMib, spec.maxMemoryMib],
  } as const
  for (const [field, [now, most]] of Object.entries(sizes))
    if (!Number.isInteger(now) || now < 1 || most < now)
      throw invalid(field, now, `(at most ${most}) is no size`)
}
