import type { JobSummary, Write } from '#shared/jobs/chain.ts'

/**
 * Keeps the rows of resources whose creation fails in step with their job: `error` while it is being undone and when something was left
 * over, `deleted` when nothing was. Running again (a retried job) they are `pending` once more.
 */
export function mirrorCreation({ jobId, tenantId, subject, state, vars, input }: JobSummary): Write[] {
  if (state === 'succeeded' || (state === 'running' && vars['ref'])) return []
  return [
    {
      text: `update cloud_resources r set state = s.state, updated_at = clock_timestamp(),
               deleted_at = case when s.state = 'deleted' then clock_timestamp() end
             from (
               select case
                 when $4 in ('queued', 'running') then 'pending'
                 when $4 = 'undoing' or residue <> '[]' then 'error'
                 else 'deleted' end as state
               from jobs where id = $3
             ) s
             where r.tenant_id = $1 and r.id = any($2) and r.state <> s.state`,
      values: [tenantId, [subject, ...subnetIds(input)], jobId, state],
    },
  ]
}

/** A deletion that could not even find out how things stand leaves the row in `error`; else its undo has recorded the truth. */
export function mirrorDeletion({ tenantId, subject, state }: JobSummary): Write[] {
  if (state !== 'failed' && state !== 'cancelled') return []
  return [
    {
      text: `update cloud_resources set state = 'error', updated_at = clock_timestamp()
             where tenant_id = $1 and id = $2 and state = 'deleting'`,
      values: [tenantId, subject],
    },
  ]
}

function subnetIds({ spec }: Record<string, unknown>): string[] {
  const { subnets = [] } = (spec ?? {}) as { subnets?: { resource_id: string }[] }
  return subnets.map((subnet) => subnet.resource_id)
}
