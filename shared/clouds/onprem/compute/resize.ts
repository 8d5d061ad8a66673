import type { CloudRef } from '#shared/clouds/port.ts'
import { requireReady } from '#shared/clouds/onprem/compute/find.ts'
import { requireOff } from '#shared/clouds/onprem/compute/power.ts'
import { requireSize, type Size } from '#shared/clouds/onprem/compute/sizes.ts'
import type { Found, Site } from '#shared/clouds/onprem/hosts.ts'
import { keepsRoom } from '#shared/clouds/onprem/placement/claim.ts'
import { capacityOf } from '#shared/clouds/onprem/placement/view.ts'
import type { VmRecord } from '#shared/clouds/onprem/records.ts'
import { refusal } from '#shared/clouds/onprem/refusals.ts'

/** Changes the size of a stopped VM. @throws CloudError `conflict` if it runs, `capacity` if its host has no room. */
export async function resizeVm(site: Site, ref: CloudRef, instanceType: string): Promise<void> {
  const size = requireSize(site.settings, operation, instanceType)
  const vm = await requireReady(site, operation, ref)
  const spec = await vm.host.machines.spec(vm.id)
  if (vm.body.instanceType === size.name && spec?.vcpus === size.vcpus && spec.memoryMib === size.memoryMib)
    return
  await requireOff(operation, vm)
  await claimSize(vm, size)
  const { vcpus, memoryMib } = size
  if (spec)
    await vm.host.machines.define({ ...spec, vcpus, memoryMib, maxVcpus: vcpus, maxMemoryMib: memoryMib })
}

const operation = 'compute.resize'

/** Writes the new claim first and counts then, as in placement; what is too much is taken back. */
async function claimSize({ id, body, host }: Found<'vm'>, { name, vcpus, memoryMib }: Size): Promise<void> {
  const resized = (vm: VmRecord): VmRecord => ({ ...vm, instanceType: name, vcpus, memoryMib })
  const { instanceType, vcpus: before, memoryMib: memoryBefore } = body
  await host.records.change('vm', id, resized)
  const dedicated = body.tenancy === 'dedicated'
  const shrinks = vcpus <= before && memoryMib <= memoryBefore
  if (shrinks || (await keepsRoom(host, { id, vcpus, memoryMib, dedicated }, await capacityOf(host)))) return
  await host.records.change('vm', id, (vm) => ({
    ...vm,
    instanceType,
    vcpus: before,
    memoryMib: memoryBefore,
  }))
  throw refusal(operation, `Host ${host.name} has no room for ${vcpus} vCPU and ${memoryMib} MiB.`, {
    code: 'capacity',
    kind: 'capacity',
    scope: 'zone',
    remedy: 'Ask for less, free room on the host, or make the VM anew on another one.',
  })
}
