import type { StepContext, Write } from '#shared/jobs/chain.ts'
import type { Problem, Residue } from '#shared/jobs/types.ts'

/** Lists something that an undo could not take back, although it ran to its end; part of the transaction that ends it (`alsoWrite`). */
export function addResidue(
  { jobId }: Pick<StepContext<unknown>, 'jobId'>,
  problem: Problem & { step: string },
): Write {
  const residue: Residue = { step: problem.step, problem, at: new Date().toISOString() }
  return {
    text: 'update jobs set residue = residue || $2::jsonb where id = $1',
    values: [jobId, JSON.stringify([residue])],
  }
}
