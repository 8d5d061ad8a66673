import type { Chain, Step } from '#shared/jobs/chain.ts'

/** How a chain can be stopped at a step. */
const causes = ['failed', 'cancelled', 'crashed'] as const

/**
 * Proves, by walking every path, that a chain can always be finished or taken back:
 * - each variable that a step needs is the gift of an earlier step;
 * - no variable is given twice;
 * - each step that changes something outside (up to the commit step) has an undo;
 * - for every step and every way of stopping there, the undo path visits each change made so far, the stopped step's own included, and
 *   every undo on the path has what it needs. A step that stopped half way has given nothing, so its undo may not need its gifts.
 * @returns the faults, each as a sentence; empty if the chain is sound.
 */
export function proveChain(chain: Pick<Chain, 'steps' | 'commitPosition'>): string[] {
  return [...new Set([...proveVariables(chain.steps), ...proveEffects(chain), ...proveUndoPaths(chain)])]
}

/** The next step of an undo below `position`, or undefined when the undo is complete. The runner and the proof walk by the same rule. */
export function undoBelow(chain: Pick<Chain, 'steps'>, position: number): number | undefined {
  for (let at = position - 1; at >= 0; at -= 1) if (chain.steps[at]?.undo) return at
  return undefined
}

function proveVariables(steps: readonly Step[]): string[] {
  const faults: string[] = []
  const givenBy = new Map<string, string>()
  for (const step of steps) {
    for (const need of step.needs ?? [])
      if (!givenBy.has(need)) faults.push(`step "${step.name}" needs "${need}", which no earlier step gives`)
    for (const gift of step.gives ?? []) {
      const earlier = givenBy.get(gift)
      if (earlier) faults.push(`step "${step.name}" gives "${gift}", which step "${earlier}" gives already`)
      else givenBy.set(gift, step.name)
    }
  }
  return faults
}

const proveEffects = ({ steps, commitPosition }: Pick<Chain, 'steps' | 'commitPosition'>): string[] =>
  steps
    .filter((step, position) => position <= commitPosition && step.effect === 'changes' && !step.undo)
    .map((step) => `step "${step.name}" has a side effect and no undo`)

function proveUndoPaths(chain: Pick<Chain, 'steps' | 'commitPosition'>): string[] {
  const faults: string[] = []
  const last = Math.min(chain.commitPosition, chain.steps.length - 1)
  for (let stopped = 0; stopped <= last; stopped += 1) {
    const known = new Set(chain.steps.slice(0, stopped).flatMap((step) => step.gives ?? []))
    for (const cause of causes) faults.push(...walkBack(chain, stopped, known, cause))
  }
  return faults
}

/** Walks one undo path as the runner would: from the stopped step down to the first. */
function walkBack(
  chain: Pick<Chain, 'steps'>,
  stopped: number,
  known: ReadonlySet<string>,
  cause: (typeof causes)[number],
): string[] {
  const faults: string[] = []
  const standing = new Set(
    chain.steps
      .slice(0, stopped + 1)
      .flatMap((step, position) => (step.effect === 'changes' ? [position] : [])),
  )
  const where = `"${chain.steps[stopped]?.name}" ${cause}`
  for (let at = undoBelow(chain, stopped + 1); at !== undefined; at = undoBelow(chain, at)) {
    const step = chain.steps[at] as Step
    for (const need of step.undo?.needs ?? [])
      if (!known.has(need))
        faults.push(`the undo of step "${step.name}" needs "${need}", which is not known when ${where}`)
    standing.delete(at)
  }
  for (const position of standing)
    faults.push(
      `what step "${chain.steps[position]?.name}" changed still stands after the undo when ${where}`,
    )
  return faults
}
