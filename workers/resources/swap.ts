import { setTimeout as sleep } from 'node:timers/promises'
import type { Cloud, CloudRef } from '#shared/clouds/port.ts'
import type { StepContext } from '#shared/jobs/chain.ts'
import { bringTo } from '#workers/power.ts'
import type { Swap } from '#workers/resources/restore.ts'
import { quietFromMs } from '#workers/resources/wait.ts'

/** Puts each replacement in the place of its disk. The VM is stopped. */
export async function swapAll(
  cloud: Cloud,
  vm: CloudRef,
  swaps: readonly Swap[],
  replacements: readonly CloudRef[],
): Promise<void> {
  for (const [nr, { disk }] of swaps.entries()) {
    const replacement = replacements[nr]
    if (replacement) await cloud.compute.swapDisk(vm, { disk, replacement })
  }
}

/** For an undo: puts the disks back that were replaced, and looks again until a swap that was cut off would have shown. */
export async function swapBack(
  context: Pick<StepContext<unknown>, 'db' | 'jobId' | 'signal'>,
  cloud: Cloud,
  ref: CloudRef,
  swaps: readonly Swap[],
  replacements: readonly CloudRef[],
): Promise<void> {
  const quietMs = await quietFromMs(context, cloud)
  for (;;) {
    const lookedAtMs = performance.now()
    const { disks } = await bringTo(cloud, ref, 'stopped', context)
    const held = new Set(disks.map(({ id }) => id))
    for (const [nr, { disk }] of swaps.entries()) {
      const replacement = replacements[nr]
      // Also with neither there: a swap that was cut off between the two.
      if (replacement && !held.has(disk.id))
        await cloud.compute.swapDisk(ref, {
          disk: { ...disk, id: replacement.id },
          replacement: { region: ref.region, id: disk.id },
        })
    }
    if (lookedAtMs >= quietMs) return
    await sleep(lookAgainMs, undefined, { signal: context.signal })
  }
}

const lookAgainMs = 500
