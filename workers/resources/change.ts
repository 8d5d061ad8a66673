import { setTimeout as sleep } from 'node:timers/promises'
import { CloudError } from '#shared/clouds/errors.ts'
import type { Cloud, CloudRef } from '#shared/clouds/port.ts'
import { stepsOf, type Step, type StepContext } from '#shared/jobs/chain.ts'
import type { ResourceKind } from '#shared/resources/kinds.ts'
import type { ChangeResourceInput, ConcernedVm } from '#shared/resources/specs.ts'
import { forwardCheckpoint } from '#workers/forward.ts'
import { addResidue } from '#workers/residue.ts'
import { crafts } from '#workers/resources/kinds.ts'
import { recordResource } from '#workers/resources/record.ts'
import type { Seen } from '#workers/resources/seen.ts'
import { quietFromMs, untilSeen } from '#workers/resources/wait.ts'
import { recordVm } from '#workers/vm-record.ts'

/** A change of a resource that stays the same thing: what it does, how one sees that it is done, and how it is taken back. */
export interface Change<Input, Before> {
  kind: ResourceKind
  /** The step's name. */
  verb: string
  apply(cloud: Cloud, ref: CloudRef, input: Input): Promise<void>
  done(seen: Seen, input: Input): boolean
  /** Applied even to what is done already: `done` does not look at everything that it sets. */
  always?: boolean
  /** What must be known to take it back, read before it is applied. */
  before(seen: Seen): Before
  /** Is it (still, or again) as it was? */
  restored(seen: Seen, before: Before): boolean
  /** Undefined: no cloud can take it back; `irreversible` then says so. */
  restore?(cloud: Cloud, ref: CloudRef, before: Before): Promise<void>
  irreversible?: string
}

export type ChangeInput = ChangeResourceInput & { vm?: ConcernedVm }

/** The one step of a change. */
export function changeStep<Input extends ChangeInput, Before>(change: Change<Input, Before>): Step {
  const { kind, verb } = change
  return stepsOf<Input, object>()(verb, {
    effect: 'changes',
    async run(context) {
      const { input, signal } = context
      const cloud = await context.cloud(input.provider_id)
      const ref = refOf(input)
      const look = () => crafts[kind].get(cloud, ref, input.observed)
      const found = await look()
      if (!found) throw unknown(cloud, kind, ref)
      // Once, so that a later try does not take its own work for the state before.
      if (context.checkpoint === undefined || context.checkpoint === null)
        await context.saveCheckpoint({ before: change.before(found) })
      if (change.always || !change.done(found, input)) await change.apply(cloud, ref, input)
      const seen = await untilSeen(cloud, look, (one) => change.done(one, input), {
        signal,
        timeoutMs,
        what: `${kind.replace('_', ' ')} ${ref.id} to take the change`,
        onSeen: (state) => context.progress(0, 1, state),
      })
      await record(context, kind, cloud, seen)
    },
    undo: { run: (context) => takeBack(context, change) },
  })
}

async function takeBack<Input extends ChangeInput, Before>(
  context: StepContext<Input>,
  change: Change<Input, Before>,
): Promise<void> {
  const kept = (await forwardCheckpoint(context)) as { before: Before } | undefined
  // Nothing kept: nothing was done.
  if (!kept) return
  const { input, signal } = context
  const cloud = await context.cloud(input.provider_id)
  const ref = refOf(input)
  const quietMs = await quietFromMs(context, cloud)
  for (;;) {
    const lookedAtMs = performance.now()
    const seen = await crafts[change.kind].get(cloud, ref, input.observed)
    if (!seen) return
    const restored = change.restored(seen, kept.before)
    if (!restored && change.restore) await change.restore(cloud, ref, kept.before)
    if (lookedAtMs >= quietMs && (restored || !change.restore)) {
      if (!restored) context.alsoWrite(addResidue(context, irreversible(change, ref)))
      return record(context, change.kind, cloud, seen)
    }
    await sleep(lookAgainMs, undefined, { signal })
  }
}

async function record(
  context: StepContext<ChangeInput>,
  kind: ResourceKind,
  cloud: Cloud,
  seen: Seen,
): Promise<void> {
  const { tenantId, input } = context
  const { provider_id: providerId, resource_id: id } = input
  recordResource(context, { tenantId, providerId, kind, id }, seen)
  if (!input.vm) return
  const vm = await cloud.compute.get(input.vm.ref)
  if (vm) context.alsoWrite(recordVm(tenantId, input.vm.vm_id, providerId, vm))
}

const refOf = ({ region, cloud_id: id }: ChangeInput): CloudRef => ({ region, id: id ?? '' })

const irreversible = (
  { verb, irreversible: why }: Pick<Change<never, never>, 'verb' | 'irreversible'>,
  ref: CloudRef,
) => ({
  code: 'irreversible',
  detail: `What was done to ${ref.id} cannot be taken back: ${why ?? 'the cloud has no way to'}.`,
  step: verb,
  remedy: 'Keep it as it is, or replace it.',
})

const unknown = (cloud: Cloud, kind: ResourceKind, { id }: CloudRef) =>
  new CloudError(`The cloud does not know the ${kind.replace('_', ' ')} ${id}.`, {
    cloud: cloud.type,
    operation: 'get',
    code: 'not_found',
    remedy: 'It was deleted by somebody else; sync the provider.',
  })

const timeoutMs = 30 * 60_000
const lookAgainMs = 200
