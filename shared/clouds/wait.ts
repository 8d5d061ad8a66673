import { setTimeout as sleep } from 'node:timers/promises'
import { CloudError } from '#shared/clouds/errors.ts'
import type { Cloud, CloudRef, CloudVm, VmState } from '#shared/clouds/port.ts'

export interface WaitOptions {
  signal: AbortSignal
  timeoutMs: number
  /** Called with what was seen, each time. */
  onSeen?: (state: string) => void
}

/**
 * Waits until a VM is in one of `wanted` states. A VM that the cloud does not know (any more) counts as `terminated`, unless it was created just
 * now and the cloud may not show it yet: that is for `create` to wait out.
 * @throws CloudError `timeout` (retryable), or `unexpected_state` when it has gone to a state that leads to none of those wanted.
 */
export async function waitForVm(
  cloud: Cloud,
  ref: CloudRef,
  wanted: readonly VmState[],
  options: WaitOptions,
): Promise<CloudVm | undefined> {
  let vm: CloudVm | undefined
  await poll(options, `VM ${ref.id} to be ${wanted.join(' or ')}`, cloud, async () => {
    vm = await cloud.compute.get(ref)
    const state = vm?.state ?? 'terminated'
    if (wanted.includes(state)) return { done: true, seen: state }
    if (deadEnds.has(state)) throw unexpected(cloud, ref, state, wanted)
    return { done: false, seen: state }
  })
  return vm
}

/**
 * Waits until a snapshot is ready.
 * @throws CloudError `timeout` (retryable), or `snapshot_failed` when the cloud says that it has failed or does not know it.
 */
export async function waitForSnapshot(cloud: Cloud, ref: CloudRef, options: WaitOptions): Promise<void> {
  await poll(options, `snapshot ${ref.id} to be ready`, cloud, async () => {
    const state = await cloud.disks.snapshotState(ref)
    if (state === 'ready' || state === 'pending') return { done: state === 'ready', seen: state }
    throw new CloudError(`The snapshot ${ref.id} ${state === undefined ? 'is gone' : 'has failed'}.`, {
      cloud: cloud.type,
      operation: 'snapshot',
      code: 'snapshot_failed',
      remedy: "Look at the snapshot in the cloud's console, then run the job again.",
    })
  })
}

async function poll(
  { signal, timeoutMs, onSeen }: WaitOptions,
  what: string,
  cloud: Cloud,
  look: () => Promise<{ done: boolean; seen: string }>,
): Promise<void> {
  const untilMs = performance.now() + timeoutMs
  for (let delayMs = firstDelayMs; ; delayMs = Math.min(maxDelayMs, delayMs * 1.6)) {
    signal.throwIfAborted()
    const { done, seen } = await look()
    onSeen?.(seen)
    if (done) return
    if (performance.now() > untilMs)
      throw new CloudError(`Waited ${Math.round(timeoutMs / 1000)} s for ${what}; it is ${seen}.`, {
        cloud: cloud.type,
        operation: 'wait',
        code: 'timeout',
        kind: 'retryable',
        remedy: "It is tried again; if that does not help, look at it in the cloud's console.",
      })
    await sleep(delayMs, undefined, { signal })
  }
}

const unexpected = (cloud: Cloud, ref: CloudRef, state: VmState, wanted: readonly VmState[]) =>
  new CloudError(`The VM ${ref.id} is ${state} and will not become ${wanted.join(' or ')}.`, {
    cloud: cloud.type,
    operation: 'wait',
    code: 'unexpected_state',
    remedy: "Somebody or something else has changed it; look at it in the cloud's console.",
  })

const deadEnds: ReadonlySet<VmState> = new Set(['terminated', 'error'])
const firstDelayMs = 50
const maxDelayMs = 5_000
