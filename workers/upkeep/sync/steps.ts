import type { Operation } from '#shared/clouds/operations.ts'
import type { Cloud, CloudVm } from '#shared/clouds/port.ts'
import { stepsOf, type Step, type StepContext } from '#shared/jobs/chain.ts'
import type { ResourceKind } from '#shared/resources/kinds.ts'
import type { Seen } from '#workers/resources/seen.ts'
import { listings, type Listing } from '#workers/upkeep/sync/listings.ts'
import { adoptResources, adoptVms, forgetVanished, forgetVanishedVms } from '#workers/upkeep/sync/write.ts'

export interface SyncInput {
  provider_id: string
}

type Counts = Record<string, number>

type Context = StepContext<SyncInput>

const step = stepsOf<SyncInput, Counts>()

/** Takes all VMs of the provider's regions into our books; what is gone there is marked here. */
const syncVms = step('vms', {
  gives: ['vms'],
  effect: 'none',
  async run(context) {
    const books = booksOf(context)
    let count = 0
    for (const [nr, region] of (await regionsOf(context)).entries()) {
      const cloud = await context.cloud(context.input.provider_id)
      const beganMs = performance.now()
      const vms: CloudVm[] = await Array.fromAsync(cloud.compute.list({ region }))
      for (const write of adoptVms(books, vms)) context.alsoWrite(write)
      context.alsoWrite(forgetVanishedVms(books, region, vms, patienceMs(cloud, beganMs)))
      count += vms.filter(({ state }) => state !== 'terminated').length
      context.progress(nr + 1, nr + 1, `${region}: ${vms.length}`)
    }
    return { vms: count }
  },
})

/** Takes what one listing has; a cloud that lacks it is passed over. */
const syncListing = (name: string, { operation, kinds, list }: Listing): Step =>
  step(name, {
    gives: [name],
    effect: 'none',
    async run(context) {
      const cloud = await context.cloud(context.input.provider_id)
      if (lacks(cloud, operation)) return { [name]: 0 }
      const books = booksOf(context)
      let count = 0
      for (const region of await regionsOf(context)) {
        const beganMs = performance.now()
        const found = new Map<ResourceKind, Seen[]>(kinds.map((kind) => [kind, []]))
        for await (const { kind, seen } of list(cloud, region)) {
          found.get(kind)?.push(seen)
          count += 1
          context.progress(count, count, region)
        }
        for (const [kind, seen] of found) {
          for (const write of adoptResources(books, kind, seen)) context.alsoWrite(write)
          context.alsoWrite(forgetVanished(books, kind, region, seen, patienceMs(cloud, beganMs)))
        }
      }
      return { [name]: count }
    },
  })

/** In the order of the outline. */
export const syncSteps: readonly Step[] = [
  syncVms,
  ...Object.entries(listings).map(([name, listing]) => syncListing(name, listing)),
]

const booksOf = ({ tenantId, input }: Context) => ({ tenantId, providerId: input.provider_id })

async function regionsOf({ db, tenantId, input }: Context): Promise<string[]> {
  const { rows } = await db.query<{ regions: string[] }>(
    `select config -> 'regions' as regions from cloud_providers where tenant_id = $1 and id = $2`,
    [tenantId, input.provider_id],
  )
  return rows[0]?.regions ?? []
}

function lacks({ capabilities }: Cloud, operation: Operation): boolean {
  return 'lacking' in capabilities.operations[operation]
}

/** What is younger than this may be missing from the listing for no other reason than its youth. */
const patienceMs = (cloud: Cloud, beganMs: number): number =>
  performance.now() - beganMs + cloud.inventory.settlesMs
