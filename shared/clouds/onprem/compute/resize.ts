import type { CloudRef } from '#shared/clouds/port.ts'
import { stateOn } from '#shared/clouds/onprem/compute/describe.ts'
import { requireReady } from '#shared/clouds/onprem/compute/find.ts'
import { isOn, requireOff } from '#shared/clouds/onprem/compute/power.ts'
import { claimSize, settleSize } from '#shared/clouds/onprem/compute/resize-claim.ts'
import { withRoom } from '#shared/clouds/onprem/compute/room.ts'
import { requireSize, type Size } from '#shared/clouds/onprem/compute/sizes.ts'
import type { MachineSpec } from '#shared/clouds/onprem/host.ts'
import type { Found, Site } from '#shared/clouds/onprem/hosts.ts'
import type { Claimed } from '#shared/clouds/onprem/records.ts'
import { refusal } from '#shared/clouds/onprem/refusals.ts'

/**
 * Changes the size of a VM that is off, or with `live` of one that runs, as far as its machine was started with room for it and its guest takes part.
 * The record claims the larger of both sizes and remembers the one before (`resizing`), then the machine changes, then the record tells the new one:
 * whoever finds it half done finishes it, or takes it back.
 * @throws CloudError `conflict` if it must be off for that, `capacity` if its host has no room; the VM is then as it was.
 */
export async function resizeVm(
  site: Site,
  ref: CloudRef,
  instanceType: string,
  { live = false }: { live?: boolean } = {},
): Promise<void> {
  const size = requireSize(site.settings, operation, instanceType)
  const vm = await requireReady(site, operation, ref)
  const { id, body, host } = vm
  const spec = await host.machines.spec(id)
  if (body.resizing === undefined && body.instanceType === size.name && (!spec || isOf(spec, size))) return
  const runs = live && isOn(await stateOn(host, id))
  if (!runs) await requireOff(operation, vm)

  const { before, hasRoom } = await claimSize(vm, size)
  if (hasRoom && (await bringTo(vm, spec, size, runs))) return settleSize(vm, size)
  // Only a machine that is as it was before is told to be so: somebody else may have begun, and died.
  if (await bringTo(vm, spec, before, runs)) await settleSize(vm, before)
  throw hasRoom ? mustStop(vm, spec, before, size) : noRoom(vm, size)
}

const operation = 'compute.resize'

const isOf = (spec: MachineSpec, { vcpus, memoryMib }: Claimed): boolean =>
  spec.vcpus === vcpus && spec.memoryMib === memoryMib

/** False: it must be off for that, and nothing was changed. */
async function bringTo(
  { id, host }: Found<'vm'>,
  spec: MachineSpec | undefined,
  { vcpus, memoryMib }: Claimed,
  runs: boolean,
): Promise<boolean> {
  if (spec === undefined) return true
  if (runs) return host.machines.resize(id, { vcpus, memoryMib })
  const { architecture } = spec
  await host.machines.define({ ...spec, ...(await withRoom(host, { vcpus, memoryMib, architecture })) })
  return true
}

function mustStop(
  { id }: Found<'vm'>,
  spec: MachineSpec | undefined,
  before: Claimed,
  { name, ...size }: Size,
) {
  return refusal(
    operation,
    `The VM ${id} cannot become ${name} while it runs: ${reason(spec, before, size)}.`,
    {
      code: 'conflict',
      remedy: 'Stop it first.',
    },
  )
}

function reason(spec: MachineSpec | undefined, before: Claimed, { vcpus, memoryMib }: Claimed): string {
  const goesBack = vcpus === before.vcpus && memoryMib === before.memoryMib
  if (goesBack || vcpus < before.vcpus) return 'vCPUs are taken from a machine that is off'
  if (spec && vcpus > spec.maxVcpus) return `it was started with room for ${spec.maxVcpus} vCPU, not ${vcpus}`
  if (spec && memoryMib > spec.maxMemoryMib)
    return `it was started with room for ${spec.maxMemoryMib} MiB, not ${memoryMib}`
  return memoryMib < before.memoryMib
    ? 'its guest does not give that memory back, or was started with it'
    : 'its guest does not take the memory'
}

const noRoom = ({ host }: Found<'vm'>, { vcpus, memoryMib }: Claimed) =>
  refusal(operation, `Host ${host.name} has no room for ${vcpus} vCPU and ${memoryMib} MiB.`, {
    code: 'capacity',
    kind: 'capacity',
    scope: 'zone',
    remedy: 'Ask for less, free room on the host, or make the VM anew on another one.',
  })
