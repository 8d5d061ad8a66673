import type { CloudVm } from '#shared/clouds/port.ts'
import { newId } from '#shared/ids.ts'
import type { Write } from '#shared/jobs/chain.ts'
import { idPrefixes, type ResourceKind } from '#shared/resources/kinds.ts'
import { userTags } from '#shared/resources/tags.ts'
import type { Seen } from '#workers/resources/seen.ts'

/** One provider's part of the books. */
export interface Books {
  tenantId: string
  providerId: string
}

/**
 * Takes what a cloud lists into our rows. What a job is making or changing right now is left to the job, and the parts of a VM's snapshot
 * have the one row of the whole.
 */
export const adoptResources = (
  { tenantId, providerId }: Books,
  kind: ResourceKind,
  list: readonly Seen[],
): Write[] =>
  batches(list).map((batch) => ({
    text: adoptSql,
    values: [
      tenantId,
      providerId,
      kind,
      JSON.stringify(
        batch.map(({ id, region, name, state, tags, observed }) => ({
          id: newId(idPrefixes[kind]),
          cloud_id: id,
          region,
          name: name || id,
          state,
          tags: userTags(tags),
          observed,
          owner: tags['novacron-job'] ?? null,
        })),
      ),
    ],
  }))

/**
 * Marks as deleted what a region's listing does not have any more. What was written since the listing began, or so shortly before that the
 * cloud may not show it yet, is left alone.
 * @param sinceMs how long ago that is.
 */
export const forgetVanished = (
  { tenantId, providerId }: Books,
  kind: ResourceKind,
  region: string,
  list: readonly Seen[],
  sinceMs: number,
): Write => ({
  text: `update cloud_resources r set state = 'deleted', updated_at = clock_timestamp(), deleted_at = clock_timestamp()
         where tenant_id = $1 and provider_id = $2 and kind = $3 and region = $4 and deleted_at is null and cloud_id is not null
           and cloud_id <> all($5) and updated_at < clock_timestamp() - make_interval(secs => $6) and not ${worked('r.id')}`,
  values: [tenantId, providerId, kind, region, list.map(({ id }) => id), sinceMs / 1000],
})

/** The same for VMs. One that is terminated already and that we never knew is not taken in. */
export const adoptVms = ({ tenantId, providerId }: Books, list: readonly CloudVm[]): Write[] =>
  batches(list).map((batch) => ({
    text: adoptVmsSql,
    values: [
      tenantId,
      providerId,
      JSON.stringify(
        batch.map((vm) => {
          const { id, region, name, state, tags, createdAt: _, ...observed } = vm
          return {
            id: newId('vm'),
            vm_id: id,
            region,
            name: (name || id).slice(0, 255),
            instance_type: observed.instanceType,
            state,
            tags,
            observed,
            owner: tags['novacron-job'] ?? null,
          }
        }),
      ),
    ],
  }))

export const forgetVanishedVms = (
  { tenantId, providerId }: Books,
  region: string,
  list: readonly CloudVm[],
  sinceMs: number,
): Write => ({
  text: `update multicloud_vms r set state = 'terminated', updated_at = clock_timestamp(), deleted_at = clock_timestamp()
         where tenant_id = $1 and provider_id = $2 and region = $3 and deleted_at is null and vm_id is not null
           and vm_id <> all($4) and updated_at < clock_timestamp() - make_interval(secs => $5) and not ${worked('r.id')}`,
  values: [tenantId, providerId, region, list.map(({ id }) => id), sinceMs / 1000],
})

/** Of one statement each. What was listed twice (it moved between pages) counts once. */
function batches<T extends { id: string }>(list: readonly T[]): T[][] {
  const once = [...new Map(list.map((one) => [one.id, one])).values()]
  return Array.from({ length: Math.ceil(once.length / maxBatch) }, (_, nr) =>
    once.slice(nr * maxBatch, (nr + 1) * maxBatch),
  )
}

const maxBatch = 500

/** Is a job at work on the row with this id? */
function worked(id: string): string {
  return `exists (select 1 from jobs j where j.tenant_id = $1 and j.subject = ${id} and j.state in ('queued', 'running', 'undoing'))`
}

/** Was it made by a job that is not over? */
const beingMade = `exists (select 1 from jobs j where j.id = s.owner and j.tenant_id = $1 and j.state in ('queued', 'running', 'undoing'))`

const adoptSql = `
insert into cloud_resources as r (id, tenant_id, provider_id, kind, cloud_id, region, name, state, tags, observed, found)
select s.id, $1, $2, $3, s.cloud_id, s.region, s.name, s.state, s.tags, s.observed, true
from jsonb_to_recordset($4::jsonb) as s(id text, cloud_id text, region text, name text, state text, tags jsonb, observed jsonb, owner text)
where not ${beingMade}
  and not ($3 = 'snapshot' and exists (
    select 1 from cloud_resources w
    where w.tenant_id = $1 and w.provider_id = $2 and w.kind = 'snapshot' and w.deleted_at is null and w.cloud_id <> s.cloud_id
      and w.observed -> 'kept' -> 'parts' @> jsonb_build_array(jsonb_build_object('id', s.cloud_id))))
on conflict (tenant_id, provider_id, kind, region, cloud_id) where deleted_at is null do update set
  name = excluded.name, state = excluded.state, tags = excluded.tags, updated_at = clock_timestamp(),
  observed = excluded.observed || jsonb_strip_nulls(jsonb_build_object('kept', r.observed -> 'kept')),
  version = r.version + (r.tags <> excluded.tags or r.observed - 'kept' <> excluded.observed)::int
where not ${worked('r.id')}`

const adoptVmsSql = `
insert into multicloud_vms as r (id, tenant_id, provider_id, vm_id, name, region, instance_type, state, tags, observed, found)
select s.id, $1, $2::text, s.vm_id, s.name, s.region, s.instance_type, s.state, s.tags, s.observed, true
from jsonb_to_recordset($3::jsonb) as s(
  id text, vm_id text, name text, region text, instance_type text, state text, tags jsonb, observed jsonb, owner text)
where not ${beingMade}
  and (s.state <> 'terminated' or exists (
    select 1 from multicloud_vms k where k.tenant_id = $1 and k.provider_id = $2::text and k.vm_id = s.vm_id))
on conflict (tenant_id, provider_id, vm_id) do update set
  name = excluded.name, instance_type = excluded.instance_type, state = excluded.state, tags = excluded.tags,
  observed = excluded.observed, updated_at = clock_timestamp(),
  deleted_at = case when excluded.state = 'terminated' then coalesce(r.deleted_at, clock_timestamp()) end,
  version = r.version + (r.tags <> excluded.tags)::int
where not ${worked('r.id')}`
