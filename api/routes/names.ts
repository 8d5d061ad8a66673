import type { Services } from '#api/services.ts'

/**
 * What people call the subjects of jobs: the names of VMs and other resources, and for a migration the name of the VM that it moves. In one query;
 * a subject without a name (a provider is its own name, a VM may never have been in our books) is not in the map.
 * @param subjects our ids.
 */
export async function namesOf(
  { pool }: Pick<Services, 'pool'>,
  tenantId: string,
  subjects: readonly (string | null | undefined)[],
): Promise<ReadonlyMap<string, string>> {
  const ids = [...new Set(subjects.filter((id) => typeof id === 'string'))]
  if (ids.length === 0) return new Map()
  const { rows } = await pool.query<{ id: string; name: string }>({
    name: 'names-of-subjects',
    text: sql,
    values: [tenantId, ids],
  })
  return new Map(rows.map(({ id, name }) => [id, name]))
}

/** A migration's request holds our id of the VM where there was one; a VM that only its cloud knew is in the books once it has been moved. */
const sql = `
select id, name from multicloud_vms where tenant_id = $1 and id = any($2)
union all
select id, name from cloud_resources where tenant_id = $1 and id = any($2)
union all
select m.id, v.name from migrations m
join multicloud_vms v on v.tenant_id = m.tenant_id
  and (v.id = m.request ->> 'vm_id' or (v.provider_id = m.destination_provider and v.vm_id = m.destination_vm_id))
where m.tenant_id = $1 and m.id = any($2)`
