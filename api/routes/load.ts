import { CloudProvider } from '#db/entities/provider.ts'
import { Job } from '#db/entities/job.ts'
import { notFound } from '#api/http/problem.ts'
import type { Services } from '#api/services.ts'
import { jobView } from '#api/views/job.ts'

/** A provider of the tenant. @throws ApiError `not_found`. */
export async function loadProvider({ orm }: Services, tenantId: string, id: string): Promise<CloudProvider> {
  const provider = await orm.em.fork().findOne(CloudProvider, { tenantId, id })
  if (!provider) throw notFound('provider')
  return provider
}

/** A job of the tenant. @throws ApiError `not_found`. */
export async function loadJob({ orm }: Services, tenantId: string, id: string): Promise<Job> {
  const job = await orm.em.fork().findOne(Job, { tenantId, id })
  if (!job) throw notFound('job')
  return job
}

/** A job as the API shows it. @throws ApiError `not_found`. */
export const loadJobView = async (services: Services, tenantId: string, id: string) =>
  jobView(services, await loadJob(services, tenantId, id))
