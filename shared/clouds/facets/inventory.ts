import type { CloudRef } from '#shared/clouds/facets/terms.ts'

/** One thing in the cloud that carries our owner tags. */
export interface OwnedResource extends CloudRef {
  /** `vm`, `disk`, `snapshot`, `image`, `interface`, `address`, `network`, `subnet`, `security_group`, `bucket`, … */
  kind: string
  name?: string
  tags: Record<string, string>
}

export interface InventoryFacet {
  /** How long something that was just created, or whose creating call was cut off, may be missing from `owned`, in milliseconds. */
  readonly settlesMs: number
  /**
   * Everything in the region that carries all of `tags`, whichever kind, dependents first (a VM before its disk, a subnet before its network),
   * so that removing in this order works. Terminated VMs are left out. What just was created may be missing for a moment (eventual consistency).
   */
  owned(query: { region: string; tags: Record<string, string> }): AsyncIterable<OwnedResource>
  /** Deletes one (a bucket with its objects). Gone already is fine; still in use throws CloudError `conflict` (retryable). */
  remove(resource: OwnedResource): Promise<void>
}
