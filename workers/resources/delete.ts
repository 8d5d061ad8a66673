import { setTimeout as sleep } from 'node:timers/promises'
import type { Cloud } from '#shared/clouds/port.ts'
import { stepsOf, type Step, type StepContext } from '#shared/jobs/chain.ts'
import type { ResourceKind } from '#shared/resources/kinds.ts'
import type { ChangeResourceInput } from '#shared/resources/specs.ts'
import { addResidue } from '#workers/residue.ts'
import { crafts } from '#workers/resources/kinds.ts'
import { recordResource, recordState } from '#workers/resources/record.ts'
import type { Seen } from '#workers/resources/seen.ts'
import { quietFromMs, untilGone } from '#workers/resources/wait.ts'
import { removeOwned } from '#workers/undo-owned.ts'

export interface DeleteInput extends ChangeResourceInput {
  /** Of a bucket: its objects too. */
  with_objects?: boolean
}

type Context = StepContext<DeleteInput>

/**
 * Deletes a resource, and whatever a failed attempt to create it left behind. No cloud gives a deleted thing back: when the job fails or is
 * cancelled, its undo finds out whether the deletion had begun. If not, all is as it was; if so, it is listed as residue.
 */
export const deleteStep = (kind: ResourceKind): Step =>
  stepsOf<DeleteInput, object>()('delete', {
    effect: 'changes',
    async run(context) {
      const { input, tenantId, signal } = context
      if (input.cloud_id !== null) {
        const cloud = await context.cloud(input.provider_id)
        const ref = { region: input.region, id: input.cloud_id }
        await crafts[kind].remove(cloud, ref, input.observed, { withObjects: input.with_objects ?? false })
        await untilGone(cloud, lookAt(kind, cloud, input), {
          signal,
          timeoutMs,
          what: `${kind.replace('_', ' ')} ${ref.id} to be gone`,
          onSeen: (state) => context.progress(0, 1, state),
        })
      }
      await removeLeftovers(context, kind)
      context.alsoWrite(recordState(tenantId, [input.resource_id], 'deleted'))
      if (kind === 'network') context.alsoWrite(forgetSubnets(context))
    },
    undo: { run: (context) => takeStock(context, kind) },
  })

const lookAt = (kind: ResourceKind, cloud: Cloud, input: DeleteInput) => () =>
  crafts[kind].get(cloud, { region: input.region, id: input.cloud_id ?? '' }, input.observed)

/** What jobs that were to create it, and failed, could not take back. */
async function removeLeftovers(context: Context, kind: ResourceKind): Promise<void> {
  const { db, tenantId, input, signal, cloud, progress } = context
  const { rows } = await db.query<{ jobId: string }>(
    `select id as "jobId" from jobs
     where tenant_id = $1 and subject = $2 and kind = any($3) and state in ('failed', 'cancelled') and residue <> '[]'`,
    [tenantId, input.resource_id, [`${kind}.create`, `${kind}.import`]],
  )
  for (const { jobId } of rows)
    await removeOwned(
      { tenantId, db, signal, cloud, progress, jobId },
      { providerId: input.provider_id, region: input.region },
    )
}

/** The cloud has deleted a network's subnets with it, or there were none. */
const forgetSubnets = ({ tenantId, input }: Context) => ({
  text: `update cloud_resources set state = 'deleted', updated_at = clock_timestamp(), deleted_at = coalesce(deleted_at, clock_timestamp())
         where tenant_id = $1 and provider_id = $2 and kind = 'subnet' and region = $3 and observed ->> 'network' = $4 and deleted_at is null`,
  values: [tenantId, input.provider_id, input.region, input.cloud_id],
})

async function takeStock(context: Context, kind: ResourceKind): Promise<void> {
  const { input, tenantId } = context
  const { provider_id: providerId, resource_id: id } = input
  if (input.cloud_id === null) return
  const cloud = await context.cloud(providerId)
  const standing = await settled(context, cloud, lookAt(kind, cloud, input))
  if (standing) return recordResource(context, { tenantId, providerId, kind, id }, standing)
  context.alsoWrite(recordState(tenantId, [id], 'deleted'))
  context.alsoWrite(
    addResidue(context, {
      code: 'irreversible',
      detail: `The deletion of ${input.cloud_id} had begun and cannot be taken back: it is gone.`,
      step: 'delete',
      remedy: 'Create it again.',
    }),
  )
}

/** The resource if it stands, looked at until a deletion that was asked for last would show. */
async function settled(
  context: Context,
  cloud: Cloud,
  look: () => Promise<Seen | undefined>,
): Promise<Seen | undefined> {
  const quietMs = await quietFromMs(context, cloud)
  for (;;) {
    const lookedAtMs = performance.now()
    const seen = await look()
    if (!seen || seen.state === 'deleted') return undefined
    if (lookedAtMs >= quietMs && seen.state !== 'deleting') return seen
    await sleep(lookAgainMs, undefined, { signal: context.signal })
  }
}

const timeoutMs = 30 * 60_000
const lookAgainMs = 200
