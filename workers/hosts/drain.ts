import { CloudError } from '#shared/clouds/errors.ts'
import type { Cloud, CloudVm } from '#shared/clouds/port.ts'
import { stepsOf, type StepContext } from '#shared/jobs/chain.ts'
import { forwardCheckpoint } from '#workers/forward.ts'
import type { DrainVars, HostInput } from '#workers/hosts/types.ts'

const step = stepsOf<HostInput, DrainVars>()

type Context = StepContext<HostInput>

/** Takes the host out of service, so that nothing new comes to it. Undone by opening it, if it was open before. */
export const close = step('close', {
  gives: ['wasOpen'],
  effect: 'changes',
  async run(context) {
    const cloud = await context.cloud(context.input.provider_id)
    const kept = context.checkpoint as { wasOpen: boolean } | undefined
    const wasOpen = kept?.wasOpen ?? (await hostState(context, cloud)) !== 'maintenance'
    if (!kept) await context.saveCheckpoint({ wasOpen })
    await cloud.hosts.setMaintenance(hostOf(context), true)
    return { wasOpen }
  },
  undo: {
    async run(context) {
      const kept = (await forwardCheckpoint(context)) as { wasOpen: boolean } | undefined
      if (!kept?.wasOpen) return
      const cloud = await context.cloud(context.input.provider_id)
      await cloud.hosts.setMaintenance(hostOf(context), false)
    },
  },
})

/**
 * Moves every VM of the host to others: those that run live. One that cannot go leaves the rest to go on; then the step fails, naming each.
 * Undone by nothing: a VM that has moved is well where it is, and only the host is opened again.
 */
export const empty = step('empty', {
  gives: ['moved'],
  effect: 'changes',
  retry: { attempts: 3 },
  async run(context) {
    const cloud = await context.cloud(context.input.provider_id)
    const moved = (context.checkpoint as DrainVars['moved'] | undefined) ?? []
    const vms = await vmsOn(context, cloud)
    const total = vms.length + moved.length
    const stuck: { vm: CloudVm; error: CloudError }[] = []
    for (const vm of vms) {
      context.progress(moved.length, total, `${vm.name}: ${moved.length + 1} of ${total}`)
      const went = await move(context, cloud, vm)
      if (went instanceof CloudError) stuck.push({ vm, error: went })
      else {
        moved.push(went)
        await context.saveCheckpoint(moved)
      }
    }
    if (stuck.length > 0) throw cannotGo(context, stuck)
    await recordPlaces(context, moved)
    return { moved }
  },
  undo: {
    run: async (context) =>
      recordPlaces(context, ((await forwardCheckpoint(context)) ?? []) as DrainVars['moved']),
  },
})

/** Takes the host back into service. Undone by taking it out again, if it was out before. */
export const open = step('open', {
  effect: 'changes',
  async run(context) {
    const cloud = await context.cloud(context.input.provider_id)
    if (!context.checkpoint)
      await context.saveCheckpoint({ wasOpen: (await hostState(context, cloud)) !== 'maintenance' })
    await cloud.hosts.setMaintenance(hostOf(context), false)
  },
  undo: {
    async run(context) {
      const kept = (await forwardCheckpoint(context)) as { wasOpen: boolean } | undefined
      if (!kept || kept.wasOpen) return
      const cloud = await context.cloud(context.input.provider_id)
      await cloud.hosts.setMaintenance(hostOf(context), true)
    },
  },
})

const hostOf = ({ input: { region, host } }: Context) => ({ region, id: host })

async function hostState(context: Context, cloud: Cloud): Promise<string> {
  const { host, region } = context.input
  const known: string[] = []
  for await (const one of cloud.hosts.list({ region })) {
    if (one.id === host) return one.state
    known.push(one.id)
  }
  throw new CloudError(
    `host: the provider ${context.input.provider_id} has no host "${host}" at ${region}.`,
    {
      cloud: cloud.type,
      operation: 'hosts.list',
      code: 'not_found',
      remedy: `Use one of: ${known.join(', ')}.`,
    },
  )
}

async function vmsOn({ input: { region, host } }: Context, cloud: Cloud): Promise<CloudVm[]> {
  const all = await Array.fromAsync(cloud.compute.list({ region }))
  return all.filter(({ zone, state }) => zone === host && state !== 'terminated')
}

/** @returns the error for a VM that cannot go, and stays with all that it has; what is worth trying again at once is thrown. */
async function move(
  context: Context,
  cloud: Cloud,
  vm: CloudVm,
): Promise<DrainVars['moved'][number] | CloudError> {
  const { max_downtime_ms: maxDowntimeMs } = context.input
  try {
    const { zone, live, downtimeMs } = await cloud.hosts.relocate(
      vm,
      maxDowntimeMs === undefined ? {} : { maxDowntimeMs },
    )
    return { vm_id: vm.id, name: vm.name, to: zone, live, downtime_ms: downtimeMs ?? null }
  } catch (error) {
    if (!(error instanceof CloudError) || error.kind === 'cancelled' || error.kind === 'throttled')
      throw error
    // Also what it was to bring along (copies of snapshots, its room) goes again from where it was to be. If that fails, the next drain does it.
    await cloud.hosts.relocate(vm, { zone: context.input.host }).catch(() => undefined)
    return error
  }
}

function cannotGo({ input }: Context, stuck: readonly { vm: CloudVm; error: CloudError }[]): CloudError {
  const [first] = stuck
  const reasons = stuck.map(({ vm, error }) => `${vm.name} (${vm.id}): ${error.message}`)
  return new CloudError(`${stuck.length} of the VMs on ${input.host} cannot go. ${reasons.join(' ')}`, {
    cloud: 'on-premise',
    operation: 'hosts.relocate',
    code: 'host_not_empty',
    kind: stuck.some(({ error }) => error.retryable) ? 'retryable' : 'permanent',
    remedy: first?.error.remedy ?? 'Make room on other hosts, or stop what cannot be moved while it runs.',
    cause: first?.error,
  })
}

/** The books follow: where each VM is now. */
async function recordPlaces(context: Context, moved: DrainVars['moved']): Promise<void> {
  for (const { vm_id: id, to } of moved)
    context.alsoWrite({
      text: `update multicloud_vms set observed = jsonb_set(observed, '{zone}', to_jsonb($4::text)), updated_at = clock_timestamp()
             where tenant_id = $1 and provider_id = $2 and vm_id = $3`,
      values: [context.tenantId, context.input.provider_id, id, to],
    })
}
