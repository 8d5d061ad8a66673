import type { Cloud, CloudRef, CloudVm, VmDisk } from '#shared/clouds/port.ts'
import { stepsOf, type StepContext } from '#shared/jobs/chain.ts'
import { StepError } from '#shared/jobs/errors.ts'
import type { RestoreInput, SnapshotPart } from '#shared/resources/specs.ts'
import { bringTo, powerOf, restorePower, unknownVm } from '#workers/power.ts'
import { seeVolume } from '#workers/resources/seen.ts'
import { untilSeen } from '#workers/resources/wait.ts'
import { swapAll, swapBack } from '#workers/resources/swap.ts'
import { removeOwned } from '#workers/undo-owned.ts'
import { recordVm } from '#workers/vm-record.ts'

/** One disk that is to be replaced, and by what. */
export interface Swap {
  disk: VmDisk
  snapshot: CloudRef
}

interface RestoreVars {
  swaps: Swap[]
  wasRunning: boolean
  replacements: CloudRef[]
}

type Context = StepContext<RestoreInput>

const step = stepsOf<RestoreInput, RestoreVars>()

/** Finds the disk of the VM that each part of the snapshot goes to. */
export const inspect = step('inspect', {
  gives: ['swaps', 'wasRunning'],
  effect: 'none',
  async run(context) {
    const { cloud, ref } = await target(context)
    const vm = await cloud.compute.get(ref)
    if (!vm || vm.state === 'terminated') throw unknownVm(cloud, ref.id)
    const swaps = context.input.parts.map((part) => ({
      disk: diskFor(vm, part),
      snapshot: { region: ref.region, id: part.id },
    }))
    return { swaps, wasRunning: powerOf(vm.state) === 'running' }
  },
})

/** Makes a disk from each part. */
export const createDisks = step('create_disks', {
  needs: ['swaps'],
  gives: ['replacements'],
  effect: 'changes',
  async run(context, { swaps }) {
    const { cloud, ref } = await target(context)
    const vm = await cloud.compute.get(ref)
    const replacements: CloudRef[] = []
    for (const [nr, { disk, snapshot }] of swaps.entries())
      replacements.push(
        await cloud.storage.volumes.create({
          token: context.token(`disk ${nr}`),
          tags: context.tags(),
          region: ref.region,
          name: `restored-${nr}-${context.jobId.slice(-12)}`,
          sizeGib: Math.ceil(disk.sizeBytes / 1024 ** 3),
          type: (await cloud.storage.volumes.get({ region: ref.region, id: disk.id }))?.type ?? 'ssd',
          snapshot,
          ...(vm?.zone === undefined ? {} : { zone: vm.zone }),
        }),
      )
    for (const [nr, one] of replacements.entries()) {
      await untilAvailable(context, cloud, one)
      context.progress(nr + 1, replacements.length)
    }
    return { replacements }
  },
  undo: {
    run: (context) =>
      removeOwned(context, { providerId: context.input.provider_id, region: context.input.region }),
  },
})

export const stop = step('stop', {
  needs: ['wasRunning'],
  effect: 'changes',
  async run(context) {
    const { cloud, ref } = await target(context)
    await bringTo(cloud, ref, 'stopped', context)
  },
  undo: {
    needs: ['wasRunning'],
    async run(context, { wasRunning }) {
      if (!wasRunning) return
      const { cloud, ref } = await target(context)
      record(context, await restorePower(context, cloud, ref, 'running'))
    },
  },
})

export const swap = step('swap', {
  needs: ['swaps', 'replacements'],
  effect: 'changes',
  async run(context, { swaps, replacements }) {
    const { cloud, ref } = await target(context)
    await swapAll(cloud, ref, swaps, replacements)
  },
  undo: {
    needs: ['swaps', 'replacements'],
    async run(context, { swaps, replacements }) {
      const { cloud, ref } = await target(context)
      await swapBack(context, cloud, ref, swaps, replacements)
    },
  },
})

export const start = step('start', {
  needs: ['wasRunning'],
  effect: 'changes',
  async run(context, { wasRunning }) {
    const { cloud, ref } = await target(context)
    record(context, await bringTo(cloud, ref, wasRunning ? 'running' : 'stopped', context))
  },
  undo: {
    async run(context) {
      const { cloud, ref } = await target(context)
      await restorePower(context, cloud, ref, 'stopped')
    },
  },
})

/** From here on the restored disks are the VM's. */
export const commit = step('commit', {
  effect: 'none',
  async run(context) {
    const { cloud, ref } = await target(context)
    const vm = await cloud.compute.get(ref)
    if (vm) record(context, vm)
  },
})

/** Deletes the disks that were replaced, unless they are to be kept. */
export const cleanUp = step('clean_up', {
  needs: ['swaps'],
  effect: 'changes',
  async run(context, { swaps }) {
    if (context.input.keep_disks) return
    const { cloud, ref } = await target(context)
    for (const { disk } of swaps) await cloud.storage.volumes.delete({ region: ref.region, id: disk.id })
  },
})

export const target = async ({ input, cloud }: Context): Promise<{ cloud: Cloud; ref: CloudRef }> => ({
  cloud: await cloud(input.provider_id),
  ref: { region: input.region, id: input.cloud_vm_id },
})

/** By the disk's id; or by its place, for one that took the place of the original. */
function diskFor(vm: CloudVm, { disk }: SnapshotPart): VmDisk {
  const found =
    vm.disks.find(({ id }) => id === disk.id) ??
    vm.disks.find(({ boot, device }) => (disk.boot ? boot : device === disk.device))
  if (found) return found
  throw new StepError(
    `The VM ${vm.id} has no disk at ${disk.device ?? 'the place'} of the snapshot's ${disk.id}.`,
    {
      code: 'snapshot_mismatch',
      remedy: 'Restore the snapshot to a new volume and attach that.',
    },
  )
}

const untilAvailable = (context: Context, cloud: Cloud, ref: CloudRef) =>
  untilSeen(
    cloud,
    async () => {
      const volume = await cloud.storage.volumes.get(ref)
      return volume && seeVolume(volume)
    },
    ({ state }) => state === 'available',
    { signal: context.signal, timeoutMs: 3_600_000, what: `volume ${ref.id} to be ready` },
  )

const record = (context: Context, vm: CloudVm) =>
  context.alsoWrite(recordVm(context.tenantId, context.input.vm_id, context.input.provider_id, vm))
