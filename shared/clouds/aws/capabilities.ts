import { machineOperations } from '#shared/clouds/aws/capabilities/machines.ts'
import { awsFeatures, serviceOperations } from '#shared/clouds/aws/capabilities/services.ts'
import { hostsLacking } from '#shared/clouds/no-hosts.ts'
import { customSizeLacking } from '#shared/clouds/no-custom-sizes.ts'
import { liveResizeLacking } from '#shared/clouds/stop-to-resize.ts'
import type { Capabilities } from '#shared/clouds/operations.ts'

/** What this cloud does and lacks. Plain data: no SDK is loaded by importing it. */
export const awsCapabilities: Capabilities = {
  operations: {
    ...machineOperations,
    ...serviceOperations,
    ...hostsLacking('AWS'),
    ...liveResizeLacking('EC2'),
    ...customSizeLacking('EC2'),
  },
  features: awsFeatures,
}
