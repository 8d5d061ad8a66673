import { z } from '@hono/zod-openapi'
import type { PoolClient } from 'pg'
import { MulticloudVm } from '#db/entities/vm.ts'
import { notFound } from '#api/http/problem.ts'
import type { Services } from '#api/services.ts'

/** Lets a VM be named by the cloud's own id. */
export const vmQuery = z.strictObject({
  provider_id: z.string().min(1).max(255).optional().openapi({
    description: 'With it, the id in the path may be the cloud’s own id of the VM at this provider.',
  }),
})

/** A VM of the tenant, by our id or by a provider's. @throws ApiError `not_found`. */
export async function findVm(
  { orm }: Pick<Services, 'orm'>,
  tenantId: string,
  id: string,
  providerId: string | undefined,
): Promise<MulticloudVm> {
  const vm = await orm.em.fork().findOne(MulticloudVm, {
    tenantId,
    ...(providerId === undefined ? { id } : { providerId, $or: [{ id }, { vmId: id }] }),
  })
  if (!vm) throw notFound('VM')
  return vm
}

/** The type of a provider, where it is (still) registered. */
export async function providerTypeOf(
  { providers }: Pick<Services, 'providers'>,
  tenantId: string,
  providerId: string,
): Promise<string | undefined> {
  return (await providers.of(tenantId)).find(({ id }) => id === providerId)?.type
}

export interface VmWork {
  jobs: { id: string; kind: string }[]
  migrations: { id: string; job_id: string }[]
}

/**
 * What is being done to a VM right now. Takes the VM's lock until the end of the transaction, so that of two commands for one VM the
 * second sees the first.
 * @param names our id of the VM, or the provider's with its provider.
 */
export async function workOn(
  db: PoolClient,
  tenantId: string,
  names: { id?: string | undefined; providerId: string; cloudId?: string | undefined },
): Promise<VmWork> {
  // Always by both names and in one order, so that two commands which know the VM by different names cannot miss or block each other.
  const keys = [names.id, names.cloudId ? `${names.providerId} ${names.cloudId}` : undefined]
  for (const key of keys.filter((one) => one !== undefined))
    await db.query('select pg_advisory_xact_lock(hashtextextended($1, 0))', [`vm ${tenantId} ${key}`])
  const [jobs, migrations] = [
    await db.query<VmWork['jobs'][number]>(
      `select id, kind from jobs where tenant_id = $1 and subject = $2 and state in ('queued', 'running', 'undoing') limit 5`,
      [tenantId, names.id ?? ''],
    ),
    await db.query<VmWork['migrations'][number]>(
      `select m.id, m.job_id from migrations m join jobs j on j.id = m.job_id
       where m.tenant_id = $1 and j.state in ('queued', 'running', 'undoing')
         and (m.vm_id = $2 or (m.vm_id = $3 and m.source_provider = $4) or m.destination_vm_id = $2) limit 5`,
      [tenantId, names.id ?? '', names.cloudId ?? '', names.providerId],
    ),
  ]
  return { jobs: jobs.rows, migrations: migrations.rows }
}
