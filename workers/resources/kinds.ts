import type { Cloud, CloudRef, Intent } from '#shared/clouds/port.ts'
import type { CreateResourceInput, ResourceSpecs } from '#shared/resources/specs.ts'
import type { ResourceKind } from '#shared/resources/kinds.ts'
import { images } from '#workers/resources/kinds/images.ts'
import { addresses, networks, securityGroups, subnets } from '#workers/resources/kinds/networks.ts'
import { snapshots } from '#workers/resources/kinds/snapshots.ts'
import { buckets, volumes } from '#workers/resources/kinds/storage.ts'
import type { Seen } from '#workers/resources/seen.ts'

/** A creation as its kind sees it. */
export interface Creation<Spec> {
  input: CreateResourceInput<Spec>
  /** Token and tags of one creating call; a step that makes several gives each its own purpose. */
  intent(purpose: string): Intent
}

/** What a creation has begun. `kept` are facts that only the creator knows; they stay in the row as `observed.kept`. */
export interface Made {
  ref: CloudRef
  kept?: Record<string, unknown>
}

/** How a kind of resource is made, looked at and removed. One chain for each verb serves them all. */
export interface Craft<Spec> {
  create(cloud: Cloud, creation: Creation<Spec>): Promise<Made>
  /** `observed`: what our row knows. Undefined: the cloud does not know it (any more, or yet). */
  get(cloud: Cloud, ref: CloudRef, observed: Readonly<Record<string, unknown>>): Promise<Seen | undefined>
  /** Safe to repeat. */
  remove(
    cloud: Cloud,
    ref: CloudRef,
    observed: Readonly<Record<string, unknown>>,
    options: { withObjects: boolean },
  ): Promise<void>
}

export const crafts: { readonly [Kind in ResourceKind]: Craft<ResourceSpecs[Kind]> } = {
  network: networks,
  subnet: subnets,
  security_group: securityGroups,
  address: addresses,
  volume: volumes,
  snapshot: snapshots,
  image: images,
  bucket: buckets,
}
