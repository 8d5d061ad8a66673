import type { Pool } from '#shared/jobs/types.ts'

/** The part of a chain that is data: what the API needs to accept a job and to show its steps. */
export interface Outline {
  /** Rises when steps change; a running job keeps the version that it started with. */
  version: number
  pool: Pool
  /** In order. `weight` is the step's share of the job's progress, in arbitrary units. */
  steps: readonly { name: string; weight: number }[]
  /** The step with which the outcome stands: what fails later is reported as residue and undoes nothing; a cancel comes too late. */
  commitStep?: string
}

const steps = (...list: [name: string, weight: number][]) => list.map(([name, weight]) => ({ name, weight }))

/** Every chain by its name, which is the `kind` of its jobs. The functions are in workers/<pool>/. */
export const outlines = {
  'provider.check': { version: 1, pool: 'upkeep', steps: steps(['check', 1]) },
  'vm.create': {
    version: 1,
    pool: 'provisioning',
    steps: steps(['resolve', 1], ['create', 6], ['await_running', 3]),
  },
  'vm.delete': { version: 1, pool: 'provisioning', steps: steps(['delete', 1]) },
  'vm.start': { version: 1, pool: 'provisioning', steps: steps(['start', 1]) },
  'vm.stop': { version: 1, pool: 'provisioning', steps: steps(['stop', 1]) },
  'vm.restart': { version: 1, pool: 'provisioning', steps: steps(['restart', 1]) },
  'migration.cold': {
    version: 1,
    pool: 'migration',
    commitStep: 'commit',
    steps: steps(
      ['preflight', 1],
      ['stop_source', 3],
      ['snapshot', 5],
      ['create_disk', 2],
      ['copy', 50],
      ['verify', 20],
      ['adapt', 1],
      ['create_vm', 8],
      ['boot_check', 6],
      ['commit', 1],
      ['clean_up', 3],
    ),
  },
  'webhook.deliver': { version: 1, pool: 'webhooks', steps: steps(['deliver', 1]) },
} as const satisfies Record<string, Outline>

const known = new Map<string, Outline>(Object.entries(outlines))

export type Kind = keyof typeof outlines

/** Adds a chain that is defined elsewhere (tests, benchmarks) to those that can be submitted in this process. */
export function registerOutline(kind: string, outline: Outline): void {
  known.set(kind, outline)
}

/** The outline of a kind. Throws if no such chain is known. */
export function outlineOf(kind: string): Outline {
  const outline = known.get(kind)
  if (!outline) throw new Error(`No chain is called "${kind}".`)
  return outline
}
