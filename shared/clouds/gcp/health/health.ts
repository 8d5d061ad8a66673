import { CloudError } from '#shared/clouds/errors.ts'
import type { GcpClient } from '#shared/clouds/gcp/client.ts'
import type { HealthFacet } from '#shared/clouds/port.ts'

/** How calls to the project went, as the client's watch saw them. */
export function createHealth(gcp: GcpClient): HealthFacet {
  const report = () => gcp.watch.report()
  return {
    report,
    async probe() {
      try {
        await gcp.compute('Projects', 'compute.projects.get', (client, once) =>
          client.get({ project: gcp.project }, once),
        )
      } catch (error) {
        if (!(error instanceof CloudError)) throw error
      }
      return report()
    },
  }
}
