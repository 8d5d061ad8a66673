import type { CloudVm } from '#shared/clouds/port.ts'
import type { Write } from '#shared/jobs/chain.ts'

/** Writes what the cloud says of a VM to its row; part of the transaction that ends a step (`alsoWrite`). */
export function recordVm(tenantId: string, id: string, providerId: string, vm: CloudVm): Write {
  const { id: vmId, region, name, state, tags, createdAt: _, ...observed } = vm
  return {
    text: `update multicloud_vms set provider_id = $3, vm_id = $4, name = coalesce(nullif($5, ''), name), region = $6, instance_type = $7,
             state = $8::text, tags = tags || $9::jsonb, observed = $10, updated_at = clock_timestamp(),
             deleted_at = case when $8::text = 'terminated' then coalesce(deleted_at, clock_timestamp()) end
           where tenant_id = $1 and id = $2`,
    values: [
      tenantId,
      id,
      providerId,
      vmId,
      name,
      region,
      vm.instanceType,
      state,
      JSON.stringify(tags),
      JSON.stringify(observed),
    ],
  }
}

/** Writes only a VM's state. */
export const recordVmState = (tenantId: string, id: string, state: CloudVm['state']): Write => ({
  text: `update multicloud_vms set state = $3::text, updated_at = clock_timestamp(),
           deleted_at = case when $3::text = 'terminated' then coalesce(deleted_at, clock_timestamp()) end
         where tenant_id = $1 and id = $2`,
  values: [tenantId, id, state],
})

/** Sets free, in the books, the volumes and addresses that outlive a VM which is gone. */
export const recordLetGo = (tenantId: string, providerId: string, cloudVmId: string): Write => ({
  text: `update cloud_resources set observed = observed - 'vm' - 'device', updated_at = clock_timestamp(),
           state = case when state = 'in_use' then 'available' else state end
         where tenant_id = $1 and provider_id = $2 and kind in ('volume', 'address') and deleted_at is null and lower(observed ->> 'vm') = lower($3)`,
  values: [tenantId, providerId, cloudVmId],
})

/** Writes a VM's tags as they are to be, owner tags apart. Goes after `recordVm`, which only adds. */
export const recordVmTags = (tenantId: string, id: string, tags: Record<string, string>): Write => ({
  text: `update multicloud_vms set updated_at = clock_timestamp(), tags = $3::jsonb || coalesce(
           (select jsonb_object_agg(key, value) from jsonb_each(tags) where key like 'novacron-%'), '{}')
         where tenant_id = $1 and id = $2`,
  values: [tenantId, id, JSON.stringify(tags)],
})
