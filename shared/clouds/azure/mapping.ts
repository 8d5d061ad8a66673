import type { InstanceViewStatus, ResourceSku, VirtualMachine } from '@azure/arm-compute'
import type { Architecture, CreationState, Firmware, InstanceSize, VmState } from '#shared/clouds/port.ts'

/** Azure's words for states and sizes, and ours. */

/**
 * A VM has two states: of its last change (provisioning) and of its power. A failed change of a VM that runs leaves it running;
 * a VM without a power state that failed was never made.
 */
export function vmState(vm: Pick<VirtualMachine, 'provisioningState' | 'instanceView'>): VmState {
  const statuses = vm.instanceView?.statuses ?? []
  if (vm.provisioningState === 'Deleting') return 'terminating'
  if (statuses.some(({ code }) => code === 'HibernationState/Hibernated')) return 'suspended'
  const power = statuses
    .find(({ code }) => code?.startsWith('PowerState/'))
    ?.code?.slice('PowerState/'.length)
  const known = power === undefined ? undefined : powerStates[power]
  if (vm.provisioningState === 'Creating') return 'pending'
  return known ?? (vm.provisioningState === 'Failed' ? 'error' : 'pending')
}

const powerStates: Readonly<Record<string, VmState>> = {
  starting: 'pending',
  running: 'running',
  stopping: 'stopping',
  deallocating: 'stopping',
  stopped: 'stopped',
  deallocated: 'stopped',
}

/** Why the last change failed, from an instance view's `ProvisioningState/failed/<code>`. */
export function failureOf(
  statuses: InstanceViewStatus[] = [],
): { code: string; message: string } | undefined {
  for (const { code = '', message = '' } of statuses) {
    const [what, outcome, reason] = code.split('/')
    if (what === 'ProvisioningState' && outcome === 'failed') return { code: reason ?? 'Failed', message }
  }
  return undefined
}

/** Progress of a disk or snapshot being made. */
export function creationState(resource: {
  provisioningState?: string
  completionPercent?: number
}): CreationState {
  if (resource.provisioningState === 'Failed' || resource.provisioningState === 'Canceled') return 'failed'
  const copying = resource.completionPercent !== undefined && resource.completionPercent < 100
  return resource.provisioningState === 'Succeeded' && !copying ? 'ready' : 'pending'
}

export const firmwareOf = (generation: string | undefined): Firmware | undefined =>
  generation === 'V2' ? 'uefi' : generation === 'V1' ? 'bios' : undefined

export const generationOf = (firmware: Firmware): 'V1' | 'V2' => (firmware === 'uefi' ? 'V2' : 'V1')

/** A `p` among the feature letters of a size's name stands for Arm: Standard_D2ps_v5, Standard_B2pts_v2. */
export const architectureOf = (size: string): Architecture =>
  /^(Standard|Basic)_[A-Z]+\d+(-\d+)?[a-z]*p[a-z]*(_|$)/.test(size) ? 'arm64' : 'x86_64'

/** A row of Azure's SKU list as a size; undefined for what is not a VM size or is closed to the subscription. */
export function sizeOf(sku: ResourceSku): InstanceSize | undefined {
  if (sku.resourceType !== 'virtualMachines' || !sku.name) return undefined
  if (sku.restrictions?.some(({ type }) => type === 'Location')) return undefined
  const capability = (name: string) => sku.capabilities?.find((entry) => entry.name === name)?.value
  const generations = (capability('HyperVGenerations') ?? 'V1').split(',')
  return {
    name: sku.name,
    vcpus: Number(capability('vCPUsAvailable') ?? capability('vCPUs') ?? 0),
    memoryMib: Math.round(Number(capability('MemoryGB') ?? 0) * 1024),
    architectures: [capability('CpuArchitectureType') === 'Arm64' ? 'arm64' : 'x86_64'],
    firmwares: generations.flatMap((generation) => firmwareOf(generation.trim()) ?? []).toSorted(),
    burstable: sku.name.startsWith('Standard_B'),
    gpus: Number(capability('GPUs') ?? 0),
  }
}
