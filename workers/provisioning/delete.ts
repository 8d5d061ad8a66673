import { setTimeout as sleep } from 'node:timers/promises'
import type { Cloud, CloudRef, CloudVm } from '#shared/clouds/port.ts'
import { waitForVm } from '#shared/clouds/wait.ts'
import { stepsOf, type StepContext } from '#shared/jobs/chain.ts'
import { sinceForwardMs } from '#workers/forward.ts'
import type { ActionInput } from '#workers/provisioning/types.ts'
import { addResidue } from '#workers/residue.ts'
import { removeOwned } from '#workers/undo-owned.ts'
import { recordLetGo, recordVm, recordVmState } from '#workers/vm-record.ts'

type Context = StepContext<ActionInput>

const step = stepsOf<ActionInput, object>()

/**
 * Deletes a VM with its disks, interfaces and addresses, and whatever a failed attempt to create it left behind.
 *
 * No cloud gives a deleted VM back. So when the job fails or is cancelled, its undo finds out whether the deletion had begun: if not, all is as it
 * was; if so, it is seen through to its end and listed as residue.
 */
export const remove = step('delete', {
  effect: 'changes',
  async run(context) {
    const { input, signal } = context
    if (input.cloud_vm_id !== null) {
      const cloud = await context.cloud(input.provider_id)
      const ref = { region: input.region, id: input.cloud_vm_id }
      await cloud.compute.delete(ref)
      await untilGone(cloud, ref, signal, (state) => context.progress(0, 1, state))
    }
    for (const left of await failedCreations(context))
      await removeOwned({ ...parts(context), jobId: left.jobId }, left)
    recordGone(context)
  },
  undo: { run: takeStock },
})

function recordGone(context: Context): void {
  const { tenantId, input } = context
  context.alsoWrite(recordVmState(tenantId, input.vm_id, 'terminated'))
  if (input.cloud_vm_id !== null)
    context.alsoWrite(recordLetGo(tenantId, input.provider_id, input.cloud_vm_id))
}

const untilGone = (cloud: Cloud, ref: CloudRef, signal: AbortSignal, onSeen?: (state: string) => void) =>
  waitForVm(cloud, ref, ['terminated'], { signal, timeoutMs: 15 * 60_000, ...(onSeen ? { onSeen } : {}) })

/** Jobs that were to create this VM, failed, and could not take everything back. */
async function failedCreations({
  db,
  tenantId,
  input,
}: Context): Promise<{ jobId: string; providerId: string; region: string }[]> {
  const { rows } = await db.query<{ jobId: string; providerId: string; region: string }>(
    `select id as "jobId", input ->> 'provider_id' as "providerId", input ->> 'region' as region from jobs
     where tenant_id = $1 and subject = $2 and kind = 'vm.create' and state in ('failed', 'cancelled') and residue <> '[]'`,
    [tenantId, input.vm_id],
  )
  return rows
}

const parts = ({ tenantId, db, signal, cloud, progress }: Context) => ({
  tenantId,
  db,
  signal,
  cloud,
  progress,
})

async function takeStock(context: Context): Promise<void> {
  const { input, tenantId, signal } = context
  if (input.cloud_vm_id === null) return
  const cloud = await context.cloud(input.provider_id)
  const ref = { region: input.region, id: input.cloud_vm_id }
  const standing = await settledVm(context, cloud, ref)
  if (standing) return context.alsoWrite(recordVm(tenantId, input.vm_id, input.provider_id, standing))
  await untilGone(cloud, ref, signal)
  recordGone(context)
  context.alsoWrite(
    addResidue(context, {
      code: 'irreversible',
      detail: `The deletion of ${ref.id} had begun and cannot be taken back: the VM is gone.`,
      step: 'delete',
      remedy: 'Create it again, from a snapshot if there is one.',
    }),
  )
}

/** The VM if it stands, looked at until a deletion that was asked for last would show; undefined as soon as it is going or gone. */
async function settledVm(context: Context, cloud: Cloud, ref: CloudRef): Promise<CloudVm | undefined> {
  const quietFromMs = performance.now() - (await sinceForwardMs(context)) + cloud.inventory.settlesMs
  for (;;) {
    const lookedAtMs = performance.now()
    const vm = await cloud.compute.get(ref)
    if (!vm || vm.state === 'terminating' || vm.state === 'terminated') return undefined
    if (lookedAtMs >= quietFromMs) return vm
    await sleep(Math.min(lookAgainMs, quietFromMs - lookedAtMs), undefined, { signal: context.signal })
  }
}

const lookAgainMs = 1_000
