import { keepUsage } from '#shared/clouds/onprem/billing/usage.ts'
import type { Size } from '#shared/clouds/onprem/compute/sizes.ts'
import type { Found } from '#shared/clouds/onprem/hosts.ts'
import { keepsRoom } from '#shared/clouds/onprem/placement/claim.ts'
import { capacityOf } from '#shared/clouds/onprem/placement/view.ts'
import type { Claimed, VmRecord } from '#shared/clouds/onprem/records.ts'
import { notFound, refusal } from '#shared/clouds/onprem/refusals.ts'

/**
 * Writes down that a VM is to have another size, and claims the larger of both until it is settled; counts then, as in placement.
 * @returns what it had before, also if an earlier call that was cut off has claimed; and whether its host has the room.
 */
export async function claimSize(
  { id, host }: Found<'vm'>,
  size: Claimed,
): Promise<{ before: Claimed; hasRoom: boolean }> {
  const claimed = await host.records.change('vm', id, (vm) => (vm.moving ? vm : claiming(vm, size)))
  if (claimed === undefined) throw notFound(operation, 'VM', { region: host.region, id })
  if (claimed.moving)
    throw refusal(operation, `The VM ${id} is on its way to host ${claimed.moving.to}.`, {
      code: 'conflict',
      kind: 'retryable',
    })
  const { vcpus, memoryMib, tenancy } = claimed
  const before = claimed.resizing ?? { vcpus, memoryMib }
  const grows = vcpus > before.vcpus || memoryMib > before.memoryMib
  const demand = { id, vcpus, memoryMib, dedicated: tenancy === 'dedicated' }
  return { before, hasRoom: !grows || (await keepsRoom(host, demand, await capacityOf(host))) }
}

/**
 * The VM has this size now, its new one or (without a name) that before. What it had until now goes to the bill; a repeated call finds that done.
 */
export async function settleSize({ id, host }: Found<'vm'>, size: Claimed & Partial<Size>): Promise<void> {
  await host.records.change('vm', id, async (vm) => {
    const { resizing, ...rest } = vm
    const { name: instanceType = vm.instanceType, vcpus, memoryMib } = size
    const before = { ...rest, ...resizing }
    const settled = { ...rest, instanceType, vcpus, memoryMib }
    if (before.vcpus === vcpus && before.memoryMib === memoryMib) return settled
    await keepUsage(host, id, before)
    return { ...settled, powered: goingOn(vm) }
  })
}

const operation = 'compute.resize'

const claiming = (vm: VmRecord, { vcpus, memoryMib }: Claimed): VmRecord => ({
  ...vm,
  vcpus: Math.max(vm.vcpus, vcpus),
  memoryMib: Math.max(vm.memoryMib, memoryMib),
  resizing: vm.resizing ?? { vcpus: vm.vcpus, memoryMib: vm.memoryMib },
})

/** On since now if it is on. */
function goingOn({ powered }: VmRecord): VmRecord['powered'] {
  const last = powered.at(-1)
  return last === undefined || last.off !== undefined ? [] : [{ on: new Date().toISOString() }]
}
