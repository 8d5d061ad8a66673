import type { CloudRef, LifecycleRule, SecurityRule } from '#shared/clouds/port.ts'
import type { Step } from '#shared/jobs/chain.ts'
import type { ResourceKind } from '#shared/resources/kinds.ts'
import type { ConcernedVm } from '#shared/resources/specs.ts'
import { changeStep, type Change, type ChangeInput } from '#workers/resources/change.ts'
import { sameLifecycle, sameRules } from '#workers/resources/same.ts'
import type { Seen } from '#workers/resources/seen.ts'

type OnVm = ChangeInput & { vm: ConcernedVm }

/** The vendor's id of the VM that it leads to; null for none. */
type Holder = string | null

const setRules = change<ChangeInput & { rules: SecurityRule[] }, SecurityRule[]>(
  'security_group',
  'set_rules',
  {
    apply: (cloud, ref, { rules }) => cloud.networks.securityGroups.setRules(ref, rules),
    done: (seen, { rules }) => sameRules(rulesOf(seen), rules),
    // Descriptions, too.
    always: true,
    before: rulesOf,
    restored: (seen, before) => sameRules(rulesOf(seen), before),
    restore: (cloud, ref, before) => cloud.networks.securityGroups.setRules(ref, before),
  },
)

const associate = change<OnVm, Holder>('address', 'associate', {
  apply: (cloud, ref, { vm }) => cloud.networks.addresses.associate(ref, vm.ref),
  done: (seen, { vm }) => sameId(holderOf(seen), vm.ref.id),
  before: holderOf,
  restored: (seen, before) => sameId(holderOf(seen), before),
  restore: (cloud, ref, before) =>
    before === null
      ? cloud.networks.addresses.disassociate(ref)
      : cloud.networks.addresses.associate(ref, beside(ref, before)),
})

const disassociate = change<ChangeInput, Holder>('address', 'disassociate', {
  apply: (cloud, ref) => cloud.networks.addresses.disassociate(ref),
  done: (seen) => holderOf(seen) === null,
  before: holderOf,
  restored: (seen, before) => sameId(holderOf(seen), before),
  restore: async (cloud, ref, before) =>
    before === null ? undefined : cloud.networks.addresses.associate(ref, beside(ref, before)),
})

const attach = change<OnVm, Holder>('volume', 'attach', {
  apply: (cloud, ref, { vm }) => cloud.storage.volumes.attach(ref, vm.ref),
  done: (seen, { vm }) => seen.state === 'in_use' && sameId(holderOf(seen), vm.ref.id),
  before: holderOf,
  restored: (seen, before) => settled(seen) && sameId(holderOf(seen), before),
  restore: (cloud, ref, before) =>
    before === null
      ? cloud.storage.volumes.detach(ref)
      : cloud.storage.volumes.attach(ref, beside(ref, before)),
})

const detach = change<ChangeInput, Holder>('volume', 'detach', {
  apply: (cloud, ref) => cloud.storage.volumes.detach(ref),
  done: (seen) => seen.state === 'available' && holderOf(seen) === null,
  before: holderOf,
  restored: (seen, before) => settled(seen) && sameId(holderOf(seen), before),
  restore: async (cloud, ref, before) =>
    before === null ? undefined : cloud.storage.volumes.attach(ref, beside(ref, before)),
})

const resize = change<ChangeInput & { sizeGib: number }, number>('volume', 'resize', {
  apply: (cloud, ref, { sizeGib }) => cloud.storage.volumes.resize(ref, sizeGib),
  done: (seen, { sizeGib }) => sizeOf(seen) === sizeGib * gibBytes,
  before: sizeOf,
  restored: (seen, before) => sizeOf(seen) === before,
  irreversible: 'a volume can grow but not shrink',
})

const setLifecycle = change<ChangeInput & { lifecycle: LifecycleRule[] }, LifecycleRule[]>(
  'bucket',
  'set_lifecycle',
  {
    apply: (cloud, ref, { lifecycle }) => cloud.storage.buckets.setLifecycle(ref, lifecycle),
    done: (seen, { lifecycle }) => sameLifecycle(lifecycleOf(seen), lifecycle),
    before: lifecycleOf,
    restored: (seen, before) => sameLifecycle(lifecycleOf(seen), before),
    restore: (cloud, ref, before) => cloud.storage.buckets.setLifecycle(ref, before),
  },
)

/** Each change as the chain that consists of it. */
export const changes: readonly { kind: ResourceKind; verb: string; step: Step }[] = [
  setRules,
  associate,
  disassociate,
  attach,
  detach,
  resize,
  setLifecycle,
]

function change<Input extends ChangeInput, Before>(
  kind: ResourceKind,
  verb: string,
  parts: Omit<Change<Input, Before>, 'kind' | 'verb'>,
) {
  return { kind, verb, step: changeStep<Input, Before>({ kind, verb, ...parts }) }
}

function rulesOf({ observed }: Seen): SecurityRule[] {
  return Array.isArray(observed['rules']) ? (observed['rules'] as SecurityRule[]) : []
}

function lifecycleOf({ observed }: Seen): LifecycleRule[] {
  return Array.isArray(observed['lifecycle']) ? (observed['lifecycle'] as LifecycleRule[]) : []
}

function holderOf({ observed }: Seen): Holder {
  return typeof observed['vm'] === 'string' ? observed['vm'] : null
}

function sizeOf({ observed }: Seen): number {
  return typeof observed['sizeBytes'] === 'number' ? observed['sizeBytes'] : 0
}

/** Neither on its way to a VM nor from one. */
const settled = ({ state, observed }: Seen): boolean =>
  state === (observed['vm'] === undefined ? 'available' : 'in_use')

/** Azure does not mind upper and lower case in its ids. */
const sameId = (one: Holder, other: Holder): boolean => one?.toLowerCase() === other?.toLowerCase()

const beside = ({ region }: CloudRef, id: string): CloudRef => ({ region, id })

const gibBytes = 1024 ** 3
