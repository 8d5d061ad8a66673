import type { StepContext, Write } from '#shared/jobs/chain.ts'
import type { ResourceKind, ResourceState } from '#shared/resources/kinds.ts'
import { userTags } from '#shared/resources/tags.ts'
import type { Seen } from '#workers/resources/seen.ts'

export interface RowOf {
  tenantId: string
  providerId: string
  kind: ResourceKind
  /** Our id. */
  id: string
}

/**
 * Writes what the cloud says of a resource to its row, in the transaction that ends the step. A row that a sync has made meanwhile for the
 * same thing gives way.
 * @param kept facts that only the creation knows; left out they stay as they are.
 */
export function recordResource(
  context: Pick<StepContext<unknown>, 'alsoWrite'>,
  row: RowOf,
  seen: Seen,
  kept?: Readonly<Record<string, unknown>>,
): void {
  const { tenantId, providerId, kind, id } = row
  context.alsoWrite({
    text: `delete from cloud_resources
           where tenant_id = $1 and provider_id = $2 and kind = $3 and region = $4 and cloud_id = $5 and id <> $6 and found and deleted_at is null`,
    values: [tenantId, providerId, kind, seen.region, seen.id, id],
  })
  context.alsoWrite({
    text: `update cloud_resources set cloud_id = $3, region = $4, name = coalesce(nullif($5, ''), name), state = $6, tags = $7,
             observed = $8::jsonb || jsonb_strip_nulls(jsonb_build_object('kept', coalesce($9::jsonb, observed -> 'kept'))), updated_at = clock_timestamp(), deleted_at = null
           where tenant_id = $1 and id = $2`,
    values: [
      tenantId,
      id,
      seen.id,
      seen.region,
      seen.name,
      seen.state,
      JSON.stringify(userTags(seen.tags)),
      JSON.stringify(seen.observed),
      kept ? JSON.stringify(kept) : null,
    ],
  })
}

/** Writes only a resource's state. */
export const recordState = (tenantId: string, ids: readonly string[], state: ResourceState): Write => ({
  text: `update cloud_resources set state = $3::text, updated_at = clock_timestamp(),
           deleted_at = case when $3::text = 'deleted' then coalesce(deleted_at, clock_timestamp()) end
         where tenant_id = $1 and id = any($2)`,
  values: [tenantId, ids, state],
})
