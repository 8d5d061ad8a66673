import { machineOperations } from '#shared/clouds/azure/capabilities/machines.ts'
import { azureFeatures, serviceOperations } from '#shared/clouds/azure/capabilities/services.ts'
import { hostsLacking } from '#shared/clouds/no-hosts.ts'
import { customSizeLacking } from '#shared/clouds/no-custom-sizes.ts'
import { liveResizeLacking } from '#shared/clouds/stop-to-resize.ts'
import type { Capabilities } from '#shared/clouds/operations.ts'

/** What this cloud does and lacks. Plain data: no SDK is loaded by importing it. */
export const azureCapabilities: Capabilities = {
  operations: {
    ...machineOperations,
    ...serviceOperations,
    ...hostsLacking('Microsoft'),
    ...liveResizeLacking('Azure restarts a running VM to change its size, so NovaCron'),
    ...customSizeLacking('Azure'),
  },
  features: azureFeatures,
}
