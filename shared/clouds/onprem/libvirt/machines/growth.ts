import type { MachineSpec } from '#shared/clouds/onprem/host.ts'
import { el, type XmlElement } from '#shared/clouds/onprem/libvirt/xml.ts'

/** Block in which virtio-mem gives memory to a guest, its default on x86 (the size of a huge page). */
export const memoryBlockMib = 2

/** How much memory can be added while it runs: whole blocks. */
export const growthMib = ({
  memoryMib,
  maxMemoryMib,
}: Pick<MachineSpec, 'memoryMib' | 'maxMemoryMib'>): number =>
  Math.max(0, Math.floor((maxMemoryMib - memoryMib) / memoryBlockMib) * memoryBlockMib)

/** What it has at its start, and how far it can grow. https://libvirt.org/formatdomain.html#memory-allocation */
export function memoryElements(spec: MachineSpec): XmlElement[] {
  const growth = growthMib(spec)
  const memory = el('memory', { unit: 'MiB' }, `${spec.memoryMib + growth}`)
  if (growth === 0) return [memory]
  return [el('maxMemory', { slots: 1, unit: 'MiB' }, `${spec.memoryMib + growth}`), memory]
}

/**
 * The device that the rest of the memory comes from. The guest says how much of what is asked for it has taken.
 * https://libvirt.org/formatdomain.html#memory-devices
 */
export const growthDevice = (spec: MachineSpec): XmlElement | undefined => {
  const growth = growthMib(spec)
  if (growth === 0) return undefined
  return el(
    'memory',
    { model: 'virtio-mem' },
    el(
      'target',
      {},
      el('size', { unit: 'MiB' }, `${growth}`),
      el('node', {}, '0'),
      el('block', { unit: 'MiB' }, `${memoryBlockMib}`),
      el('requested', { unit: 'MiB' }, '0'),
    ),
    el('address', { type: 'pci', domain: 0, bus: 0, slot: 5, function: 0 }),
  )
}

/** Memory can be added to a NUMA cell only, so there is one where it may grow. All processors are cores of one socket, as licences count. */
export function cpuElement(spec: MachineSpec, type: 'kvm' | 'qemu'): XmlElement {
  const cpus = Math.max(spec.vcpus, spec.maxVcpus)
  const cell = el('cell', { id: 0, cpus: `0-${cpus - 1}`, memory: spec.memoryMib, unit: 'MiB' })
  return el(
    'cpu',
    modelAttributes(spec, type),
    modelElement(spec, type),
    el('topology', { sockets: 1, cores: cpus, threads: 1 }),
    growthMib(spec) > 0 ? el('numa', {}, cell) : undefined,
  )
}

const modelAttributes = (spec: MachineSpec, type: 'kvm' | 'qemu'): Record<string, string> => {
  if (type === 'kvm')
    return spec.architecture === 'arm64' ? { mode: 'host-passthrough' } : { mode: 'host-model' }
  return { mode: 'custom', match: 'exact', check: 'none' }
}

/** Of emulated ones: has what today's distributions ask for (x86-64-v2), and no more that would have to be emulated. */
const modelElement = (spec: MachineSpec, type: 'kvm' | 'qemu'): XmlElement | undefined =>
  type === 'kvm'
    ? undefined
    : el('model', { fallback: 'forbid' }, spec.architecture === 'arm64' ? 'cortex-a72' : 'Nehalem')
