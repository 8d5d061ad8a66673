import type { Cloud, CloudSettings } from '#shared/clouds/port.ts'
import { connect } from '#shared/clouds/gcp/client.ts'
import { createIdentity } from '#shared/clouds/gcp/identity/identity.ts'
import { parseGcpSettings } from '#shared/clouds/gcp/settings.ts'
import { gcpCapabilities } from '#shared/clouds/gcp/capabilities.ts'

/**
 * Google Cloud: Compute Engine for machines, Cloud Storage and Cloud Build for the bytes of disks. Makes no call, and loads the SDK of a
 * service at its first use.
 * @throws CloudError `invalid_request` if the registration is not one.
 */
export async function openGcp(settings: CloudSettings): Promise<Cloud> {
  const gcp = await connect(parseGcpSettings(settings))
  return {
    type: 'gcp',
    capabilities: gcpCapabilities,
    identity: createIdentity(gcp),
    close: gcp.close,
  } as unknown as Cloud
}
