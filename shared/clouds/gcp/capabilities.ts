import { hostsLacking } from '#shared/clouds/no-hosts.ts'
import { liveResizeLacking } from '#shared/clouds/stop-to-resize.ts'
import type { Capabilities } from '#shared/clouds/operations.ts'
import { gcpFeatures, serviceOperations } from '#shared/clouds/gcp/capabilities/services.ts'
import { machineOperations } from '#shared/clouds/gcp/capabilities/machines.ts'

/** What this cloud does and lacks. Plain data: no SDK is loaded by importing it. */
export const gcpCapabilities: Capabilities = {
  operations: {
    ...machineOperations,
    ...serviceOperations,
    ...hostsLacking('Google'),
    ...liveResizeLacking('Compute Engine'),
  },
  features: gcpFeatures,
}
