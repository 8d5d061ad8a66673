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

const provisioning = (...list: Parameters<typeof steps>) =>
  ({ version: 1, pool: 'provisioning', steps: steps(...list) }) as const

/** Asks the cloud for it, then waits until it is there. */
const creation = provisioning(['create', 5], ['await_ready', 5])
const change = (verb: string) => provisioning([verb, 1])

/** Every chain by its name, which is the `kind` of its jobs. The functions are in workers/<pool>/. */
export const outlines = {
  'provider.check': { version: 1, pool: 'upkeep', steps: steps(['check', 1]) },
  'provider.sync': {
    version: 1,
    pool: 'upkeep',
    steps: steps(
      ['vms', 3],
      ['networks', 1],
      ['security_groups', 1],
      ['addresses', 1],
      ['volumes', 1],
      ['snapshots', 1],
      ['images', 1],
      ['buckets', 1],
    ),
  },
  'cloud.read': { version: 1, pool: 'upkeep', steps: steps(['read', 1]) },
  'vm.create': {
    version: 1,
    pool: 'provisioning',
    steps: steps(['resolve', 1], ['create', 6], ['await_running', 3]),
  },
  'vm.delete': { version: 1, pool: 'provisioning', steps: steps(['delete', 1]) },
  'vm.start': { version: 1, pool: 'provisioning', steps: steps(['start', 1]) },
  'vm.stop': { version: 1, pool: 'provisioning', steps: steps(['stop', 1]) },
  'vm.restart': { version: 1, pool: 'provisioning', steps: steps(['restart', 1]) },
  'vm.suspend': change('suspend'),
  'vm.resume': change('resume'),
  'vm.update': change('set_tags'),
  'vm.resize': {
    ...provisioning(
      ['inspect', 1],
      ['set_tags', 1],
      ['resize_live', 2],
      ['stop', 3],
      ['resize', 2],
      ['start', 3],
    ),
    version: 2,
  },
  'vm.relocate': change('relocate'),
  'host.drain': provisioning(['close', 1], ['empty', 9]),
  'host.open': change('open'),
  'network.create': provisioning(['create', 5], ['create_subnets', 3], ['await_ready', 2]),
  'network.delete': change('delete'),
  'subnet.create': creation,
  'subnet.delete': change('delete'),
  'security_group.create': creation,
  'security_group.set_rules': change('set_rules'),
  'security_group.delete': change('delete'),
  'address.create': creation,
  'address.associate': change('associate'),
  'address.disassociate': change('disassociate'),
  'address.delete': change('delete'),
  'volume.create': creation,
  'volume.resize': change('resize'),
  'volume.attach': change('attach'),
  'volume.detach': change('detach'),
  'volume.delete': change('delete'),
  'snapshot.create': creation,
  'snapshot.restore': {
    ...provisioning(
      ['inspect', 1],
      ['create_disks', 5],
      ['stop', 3],
      ['swap', 2],
      ['start', 3],
      ['commit', 1],
      ['clean_up', 1],
    ),
    commitStep: 'commit',
  },
  'snapshot.delete': change('delete'),
  'image.create': creation,
  'image.import': provisioning(['start', 1], ['await_task', 9], ['await_ready', 1]),
  'image.export': provisioning(['start', 1], ['await_task', 9]),
  'image.delete': change('delete'),
  'bucket.create': creation,
  'bucket.set_lifecycle': change('set_lifecycle'),
  'bucket.delete': change('delete'),
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
