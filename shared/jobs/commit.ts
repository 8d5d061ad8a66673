import { inTransaction } from '#db/transaction.ts'
import type { Pool } from 'pg'
import type { Chain, JobSummary, Write } from '#shared/jobs/chain.ts'
import type { ClaimedStep } from '#shared/jobs/claim.ts'
import { applyTransitions, type Transition } from '#shared/jobs/transition.ts'
import { isFinished } from '#shared/jobs/types.ts'
import { announceJob } from '#shared/jobs/announce.ts'

/**
 * Commits what follows a step. Where nothing but the jobs core's own tables is concerned, the transition shares a statement with those of other
 * steps (`transit`); where the step or its chain has writes of its own, or the job has ended, one transaction holds them all.
 * @returns false if the holder had lost the step: then nothing was written.
 */
export async function commitTransition(
  db: Pool,
  transit: (transition: Transition) => Promise<boolean>,
  chain: Chain,
  step: ClaimedStep,
  writes: readonly Write[],
  transition: Transition,
): Promise<boolean> {
  const summary = summaryAfter(step, transition)
  const all = [...writes, ...(chain.mirror?.(summary) ?? [])]
  const announced = isFinished(summary.state) && !step.internal
  if (all.length === 0 && !announced) return transit(transition)
  return inTransaction(db, async (client) => {
    const [applied] = await applyTransitions(client, [transition])
    if (!applied) return false
    for (const write of all) await client.query(write.text, write.values)
    if (announced) await announceJob(client, step, summary, transition.jobOutput)
    return true
  })
}

const summaryAfter = (step: ClaimedStep, transition: Transition): JobSummary => ({
  jobId: step.jobId,
  tenantId: step.tenantId,
  subject: step.subject ?? '',
  input: step.input,
  vars: { ...step.vars, ...transition.outputs },
  state: transition.jobState ?? (step.problem ? 'undoing' : 'running'),
  progress: Math.max(step.progress, transition.progress ?? 0),
  problem: transition.jobProblem ?? step.problem,
})
