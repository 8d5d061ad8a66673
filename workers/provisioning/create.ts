import type { CreateVm } from '#shared/clouds/port.ts'
import { waitForVm } from '#shared/clouds/wait.ts'
import { stepsOf } from '#shared/jobs/chain.ts'
import { sizeFor } from '#shared/placement/choose.ts'
import type { CreateInput, CreateVars } from '#workers/provisioning/types.ts'
import { removeOwned } from '#workers/undo-owned.ts'
import { recordVm } from '#workers/vm-record.ts'

const step = stepsOf<CreateInput, CreateVars>()

/** Turns a generic size, or vCPUs and memory, into one of the cloud's own. */
export const resolve = step('resolve', {
  gives: ['instance_type'],
  effect: 'none',
  async run(context) {
    const { provider_id: providerId, region, instance_type: instanceType, cpu, memory } = context.input
    const cloud = await context.cloud(providerId)
    const size = await sizeFor(cloud, region, { instanceType, vcpus: cpu, memoryMib: memory })
    return { instance_type: size.name }
  },
})

/** Creates the VM. Undone by what the cloud says carries our tags, whatever became of the reply. */
export const create = step('create', {
  needs: ['instance_type'],
  gives: ['vm'],
  effect: 'changes',
  async run(context, { instance_type: instanceType }) {
    const { input, tenantId } = context
    const cloud = await context.cloud(input.provider_id)
    const vm = await cloud.compute.create({
      token: context.token('vm'),
      tags: { ...input.tags, ...context.tags() },
      region: input.region,
      name: input.name,
      instanceType,
      boot: { image: input.image_id, ...(input.storage === undefined ? {} : { diskGib: input.storage }) },
      ...(input.availability_zone === undefined ? {} : { zone: input.availability_zone }),
      ...(input.key_pair === undefined ? {} : { keyPair: input.key_pair }),
      ...(input.security_groups === undefined ? {} : { securityGroups: input.security_groups }),
      ...(input.user_data === undefined ? {} : { userData: input.user_data }),
      ...purchaseOf(input),
    })
    context.alsoWrite(recordVm(tenantId, input.vm_id, input.provider_id, vm))
    return { vm: { region: vm.region, id: vm.id } }
  },
  undo: {
    run: (context) =>
      removeOwned(context, { providerId: context.input.provider_id, region: context.input.region }),
  },
})

/** How it is bought, and what it stands on. */
const purchaseOf = ({
  spot,
  tenancy,
  placement_group: placementGroup,
  subnet,
  detailed_monitoring: detailedMonitoring,
  encryption,
}: CreateInput): Partial<CreateVm> => ({
  ...(spot === undefined
    ? {}
    : { spot: spot.max_hourly_price === undefined ? {} : { maxHourlyPrice: spot.max_hourly_price } }),
  ...(tenancy === undefined ? {} : { tenancy }),
  ...(placementGroup === undefined ? {} : { placementGroup }),
  ...(subnet === undefined ? {} : { subnet }),
  ...(detailedMonitoring === undefined ? {} : { detailedMonitoring }),
  ...(encryption === undefined ? {} : { encryption }),
})

export const awaitRunning = step('await_running', {
  needs: ['vm'],
  effect: 'none',
  async run(context, { vm: ref }) {
    const { input, tenantId, signal } = context
    const cloud = await context.cloud(input.provider_id)
    const vm = await waitForVm(cloud, ref, ['running'], {
      signal,
      timeoutMs: 15 * 60_000,
      onSeen: (state) => context.progress(0, 1, state),
    })
    if (vm) context.alsoWrite(recordVm(tenantId, input.vm_id, input.provider_id, vm))
  },
})
