import { setTimeout as sleep } from 'node:timers/promises'
import { CloudError } from '#shared/clouds/errors.ts'
import type { Cloud, CloudRef, CloudVm, VmState } from '#shared/clouds/port.ts'
import { waitForVm } from '#shared/clouds/wait.ts'
import type { StepContext } from '#shared/jobs/chain.ts'
import { StepError } from '#shared/jobs/errors.ts'
import { sinceForwardMs } from '#workers/forward.ts'

export type Power = 'running' | 'stopped'

/** Which of the two a VM is in or on its way to; undefined for a state that leads to neither. */
export const powerOf = (state: VmState): Power | undefined => powers[state]

const powers: Partial<Record<VmState, Power>> = {
  pending: 'running',
  running: 'running',
  stopping: 'stopped',
  stopped: 'stopped',
}

/**
 * Starts or stops a VM and waits until it is so. Safe to repeat at any point: it goes by the state that the cloud tells.
 * @throws StepError `vm_state` for one that is suspended and is to be stopped, CloudError `not_found` or `unexpected_state` (all permanent), or `timeout` (retryable).
 */
export async function bringTo(
  cloud: Cloud,
  ref: CloudRef,
  power: Power,
  { signal, onSeen }: { signal: AbortSignal; onSeen?: (state: string) => void },
): Promise<CloudVm> {
  const wait = { signal, timeoutMs, ...(onSeen ? { onSeen } : {}) }
  // What is under way must end first: no cloud starts a VM that is stopping, or stops one that is starting.
  const before = await waitForVm(cloud, ref, ['running', 'stopped', 'suspended'], wait)
  if (before?.state === power) return before
  if (before?.state === 'suspended' && power === 'stopped') throw mustResume(ref)
  if (power === 'stopped') await cloud.compute.stop(ref)
  else await (before?.state === 'suspended' ? cloud.compute.resume(ref) : cloud.compute.start(ref))
  const after = await waitForVm(cloud, ref, [power], wait)
  if (after) return after
  throw new Error('unreachable: a VM that is gone counts as terminated')
}

/**
 * For an undo: brings a VM back to the power state it had. A start or stop that was cut off may take effect a moment later, so the state is
 * looked at until so much time has passed since the way forward ended.
 */
export async function restorePower(
  context: Pick<StepContext<unknown>, 'db' | 'jobId' | 'signal'>,
  cloud: Cloud,
  ref: CloudRef,
  power: Power,
): Promise<CloudVm> {
  const quietFromMs = performance.now() - (await sinceForwardMs(context)) + cloud.inventory.settlesMs
  for (;;) {
    const lookedAtMs = performance.now()
    const vm = await bringTo(cloud, ref, power, context)
    if (lookedAtMs >= quietFromMs) return vm
    await sleep(Math.min(lookAgainMs, quietFromMs - lookedAtMs), undefined, { signal: context.signal })
  }
}

export const unknownVm = (cloud: Cloud, id: string): CloudError =>
  new CloudError(`The cloud does not know the VM ${id}.`, {
    cloud: cloud.type,
    operation: 'get',
    code: 'not_found',
    remedy: 'It was deleted by somebody else; delete it here too.',
  })

/** Some clouds would throw the memory away that was kept, others refuse. */
const mustResume = ({ id }: CloudRef): StepError =>
  new StepError(`The VM ${id} is suspended, so it cannot be stopped.`, {
    code: 'vm_state',
    remedy: 'Resume it first: POST /api/multicloud/vms/{id}/resume.',
  })

/** Guests that install updates take this long to stop; clouds themselves give up after about as long. */
const timeoutMs = 15 * 60_000
const lookAgainMs = 1_000
