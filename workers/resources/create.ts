import type { CloudRef } from '#shared/clouds/port.ts'
import { stepsOf, type Step, type StepContext } from '#shared/jobs/chain.ts'
import type { ResourceKind } from '#shared/resources/kinds.ts'
import type { CreateResourceInput, ResourceSpecs } from '#shared/resources/specs.ts'
import { crafts, type Craft, type Creation } from '#workers/resources/kinds.ts'
import { recordResource, type RowOf } from '#workers/resources/record.ts'
import type { Seen } from '#workers/resources/seen.ts'
import { untilSeen } from '#workers/resources/wait.ts'
import { removeOwned } from '#workers/undo-owned.ts'

export interface CreateVars {
  ref: CloudRef
  kept: Record<string, unknown>
  subnets: CloudRef[]
}

type AnySpec = ResourceSpecs[ResourceKind]
type Context<Spec> = StepContext<CreateResourceInput<Spec>>

const step = stepsOf<CreateResourceInput<AnySpec>, CreateVars>()

/** Asks the cloud for a resource. Undone by what the cloud says carries our tags, whatever became of the reply. */
export const createStep = (kind: ResourceKind): Step =>
  step('create', {
    gives: ['ref', 'kept'],
    effect: 'changes',
    async run(context) {
      const { input } = context
      const cloud = await context.cloud(input.provider_id)
      // The API gives each kind the specification of its own; see ResourceSpecs.
      const craft = crafts[kind] as Craft<AnySpec>
      const { ref, kept = {} } = await craft.create(cloud, creationOf(context))
      const name = input.name
      const seen: Seen = { ...ref, name, state: 'pending', tags: input.tags, observed: {} }
      recordResource(context, rowOf(context, kind), seen, kept)
      return { ref, kept }
    },
    undo: { run: removeAll },
  })

/** Waits until the cloud shows it ready, and records what it says. */
export const awaitReady = (kind: ResourceKind): Step =>
  step('await_ready', {
    needs: ['ref', 'kept'],
    effect: 'none',
    async run(context, { ref, kept }) {
      const cloud = await context.cloud(context.input.provider_id)
      const seen = await untilSeen(
        cloud,
        () => crafts[kind].get(cloud, ref, { kept, ...placeOf(context.input.spec) }),
        ({ state }) => state === 'available' || state === 'in_use',
        {
          signal: context.signal,
          timeoutMs,
          what: `${kind.replace('_', ' ')} ${ref.id} to be ready`,
          onSeen: (state) => context.progress(0, 1, state),
        },
      )
      recordResource(context, rowOf(context, kind), seen, kept)
    },
  })

/** The subnets that a network is created with. Part of the network's job, so its undo removes them first. */
export const createSubnets = stepsOf<CreateResourceInput<ResourceSpecs['network']>, CreateVars>()(
  'create_subnets',
  {
    needs: ['ref'],
    gives: ['subnets'],
    effect: 'changes',
    async run(context, { ref: network }) {
      const { input, tenantId } = context
      const cloud = await context.cloud(input.provider_id)
      const subnets: CloudRef[] = []
      for (const [nr, { resource_id: id, name, cidr, zone }] of input.spec.subnets.entries()) {
        const ref = await cloud.networks.subnets.create({
          ...creationOf(context).intent(`subnet ${nr}`),
          network,
          name,
          cidr,
          ...(zone === undefined ? {} : { zone }),
        })
        subnets.push(ref)
        const observed = { network: network.id, cidr, ...(zone === undefined ? {} : { zone }) }
        const row = { tenantId, providerId: input.provider_id, kind: 'subnet', id } as const
        recordResource(context, row, { ...ref, name, state: 'available', tags: input.tags, observed })
        context.progress(nr + 1, input.spec.subnets.length)
      }
      return { subnets }
    },
    undo: {
      run: (context) =>
        removeOwned(context, {
          providerId: context.input.provider_id,
          region: context.input.region,
          kinds: ['subnet'],
        }),
    },
  },
)

function removeAll(context: StepContext<CreateResourceInput<unknown>>): Promise<void> {
  return removeOwned(context, { providerId: context.input.provider_id, region: context.input.region })
}

const creationOf = <Spec>(context: Context<Spec>): Creation<Spec> => ({
  input: context.input,
  intent: (purpose) => ({
    token: context.token(purpose),
    tags: { ...context.input.tags, ...context.tags() },
  }),
})

const rowOf = ({ tenantId, input }: Context<unknown>, kind: ResourceKind): RowOf => ({
  tenantId,
  providerId: input.provider_id,
  kind,
  id: input.resource_id,
})

/** A subnet is found through its network. */
const placeOf = (spec: object): Record<string, unknown> =>
  'network' in spec && spec.network ? { network: (spec.network as CloudRef).id } : {}

/** The first snapshot of a large disk can take hours on the clouds that copy it out. */
const timeoutMs = 6 * 3_600_000
