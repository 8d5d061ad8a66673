import type { CloudType } from '#shared/clouds/facets/terms.ts'
import type { Capabilities } from '#shared/clouds/operations.ts'
import { awsCapabilities } from '#shared/clouds/aws/capabilities.ts'
import { azureCapabilities } from '#shared/clouds/azure/capabilities.ts'
import { gcpCapabilities } from '#shared/clouds/gcp/capabilities.ts'

/** What each cloud declares. Plain data: importing it loads no SDK, so the API may. */
export const capabilitiesByCloud = {
  aws: awsCapabilities,
  azure: azureCapabilities,
  gcp: gcpCapabilities,
} as const satisfies Partial<Record<CloudType, Capabilities>>

/** The declaration of a cloud type, or undefined while it has no adapter. */
export const capabilitiesOf = (type: CloudType): Capabilities | undefined =>
  (capabilitiesByCloud as Partial<Record<CloudType, Capabilities>>)[type]
