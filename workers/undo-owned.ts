import { setTimeout as sleep } from 'node:timers/promises'
import { CloudError } from '#shared/clouds/errors.ts'
import type { Cloud, OwnedResource } from '#shared/clouds/port.ts'
import type { StepContext } from '#shared/jobs/chain.ts'
import { sinceForwardMs } from '#workers/forward.ts'

export interface RemoveOwned {
  providerId: string
  region: string
  /** Only these kinds of things (`vm`, `disk`, `snapshot`, …); undefined is all. */
  kinds?: readonly string[]
  /** How long one try goes on, in milliseconds. */
  timeoutMs?: number
}

/**
 * Removes everything in a region that carries this job's owner tags, until nothing is left: see `removeTagged`.
 * @throws CloudError as that does.
 */
export async function removeOwned(
  context: Pick<StepContext<unknown>, 'jobId' | 'tenantId' | 'db' | 'signal' | 'cloud' | 'progress'>,
  { providerId, ...wanted }: RemoveOwned,
): Promise<void> {
  const { jobId, tenantId, signal, progress } = context
  const cloud = await context.cloud(providerId)
  const tags = { 'novacron-tenant': tenantId, 'novacron-job': jobId }
  const makingEndedMs = performance.now() - (await sinceForwardMs(context))
  await removeTagged(cloud, { ...wanted, tags, makingEndedMs, signal, progress })
}

export interface RemoveTagged extends Omit<RemoveOwned, 'providerId'> {
  tags: Record<string, string>
  /** When the last call that may make such a thing was given up or answered, by `performance.now()`. */
  makingEndedMs: number
  signal: AbortSignal
  /** Called after each look that was not the last. */
  progress: (done: number, total: number, message?: string) => void
}

/**
 * Removes everything in a region that carries these tags, until nothing is left. Goes by the cloud's own inventory and not by what anybody
 * remembers, so it also finds what a create made whose reply was lost.
 *
 * A thing that was just created may be missing from the inventory for `inventory.settlesMs`, and a removal of it may have found nothing to
 * remove. So "nothing is left" is believed only from a look taken that long after the making ended and after the last thing was seen.
 * @throws CloudError `timeout` (retryable) while something is still there; what the cloud refuses for good is thrown after all else is removed.
 */
export async function removeTagged(
  cloud: Cloud,
  { region, tags, kinds, timeoutMs = 300_000, makingEndedMs, signal, progress }: RemoveTagged,
): Promise<void> {
  const untilMs = performance.now() + timeoutMs
  const seen = new Set<string>()
  let quietFromMs = makingEndedMs + cloud.inventory.settlesMs

  for (let delayMs = firstDelayMs; ; delayMs = Math.min(maxDelayMs, delayMs * 1.6)) {
    signal.throwIfAborted()
    const lookedAtMs = performance.now()
    const left = await ownedNow(cloud, region, tags, kinds)
    if (left.length === 0 && lookedAtMs >= quietFromMs) return
    for (const resource of left) seen.add(resource.id)
    progress(seen.size - left.length, seen.size, left.map(describe).join(', '))
    if (left.length > 0) {
      await removeAll(cloud, left)
      quietFromMs = performance.now() + cloud.inventory.settlesMs
    }
    if (performance.now() > untilMs) throw tooSlow(cloud, left, timeoutMs)
    await sleep(delayMs, undefined, { signal })
  }
}

async function ownedNow(
  cloud: Cloud,
  region: string,
  tags: Record<string, string>,
  kinds: readonly string[] | undefined,
): Promise<OwnedResource[]> {
  const found = await Array.fromAsync(cloud.inventory.owned({ region, tags }))
  return kinds ? found.filter(({ kind }) => kinds.includes(kind)) : found
}

/** Asks for the removal of each, dependents first. What is still in use is for the next round; a refusal does not spare the others. */
async function removeAll(cloud: Cloud, resources: readonly OwnedResource[]): Promise<void> {
  let refusal: CloudError | undefined
  for (const resource of resources) {
    try {
      await cloud.inventory.remove(resource)
    } catch (error) {
      if (!(error instanceof CloudError) || error.kind === 'cancelled' || error.kind === 'throttled')
        throw error
      if (!error.retryable) refusal ??= error
    }
  }
  if (refusal) throw refusal
}

const describe = ({ kind, id, name }: OwnedResource) => `${kind} ${name ?? id}`

const tooSlow = (cloud: Cloud, left: readonly OwnedResource[], timeoutMs: number) =>
  new CloudError(
    `After ${Math.round(timeoutMs / 1000)} s the cloud still lists ${left.map(describe).join(', ') || 'late arrivals'}.`,
    {
      cloud: cloud.type,
      operation: 'undo',
      code: 'timeout',
      kind: 'retryable',
      remedy: "It is tried again; what is left at the end is listed as the job's residue.",
    },
  )

const firstDelayMs = 50
const maxDelayMs = 5_000
