import { CloudError } from '#shared/clouds/errors.ts'
import type { HealthFacet } from '#shared/clouds/port.ts'
import type { Site } from '#shared/clouds/onprem/hosts.ts'

/** How the hosts answer this process. */
export const createHealth = (site: Site): HealthFacet => ({
  report: () => site.watch.report(),
  async probe() {
    // Facts may be known from before; records have to be asked for.
    const asked = await Promise.allSettled(site.hosts.map(({ records }) => records.list('network')))
    for (const answer of asked)
      if (answer.status === 'rejected' && !(answer.reason instanceof CloudError)) throw answer.reason
    return site.watch.report()
  },
})
