import { machineOperations } from '#shared/clouds/aws/capabilities/machines.ts'
import type { Capabilities } from '#shared/clouds/operations.ts'

/** What this cloud does and lacks. Plain data: no SDK is loaded by importing it. */
export const awsCapabilities: Capabilities = {
  operations: { ...machineOperations } as Capabilities['operations'],
  features: {} as Capabilities['features'],
}
