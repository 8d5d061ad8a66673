import type { JobSummary, Write } from '#shared/jobs/chain.ts'

/**
 * Keeps the row of a VM whose creation fails in step with its job: `error` while it is being undone and when something was left over,
 * `terminated` when nothing was. Running again (a retried job) it is `pending` once more.
 */
export function mirrorCreation({ jobId, tenantId, subject, state, vars }: JobSummary): Write[] {
  if (state === 'succeeded' || (state === 'running' && vars['vm'])) return []
  return [
    {
      text: `update multicloud_vms v set state = s.state, updated_at = clock_timestamp(),
               deleted_at = case when s.state = 'terminated' then clock_timestamp() end
             from (
               select case
                 when $4 in ('queued', 'running') then 'pending'
                 when $4 = 'undoing' or residue <> '[]' then 'error'
                 else 'terminated' end as state
               from jobs where id = $3
             ) s
             where v.tenant_id = $1 and v.id = $2 and v.state <> s.state`,
      values: [tenantId, subject, jobId, state],
    },
  ]
}
