import { CloudError } from '#shared/clouds/errors.ts'
import type { AwsClients } from '#shared/clouds/aws/clients.ts'
import { zonesOf } from '#shared/clouds/aws/identity/identity.ts'
import { findSubnet } from '#shared/clouds/aws/networks/describe.ts'
import { pickByToken } from '#shared/clouds/spread.ts'

/**
 * The zone for a volume that names none: that of the registration's subnet, since its VMs are made there; else one of the region's by the token, so
 * that the same intent always gives the same one (CreateVolume refuses its token with another zone).
 * @throws CloudError `capacity` for a region without an available zone.
 */
export async function zoneFor(aws: AwsClients, region: string, token: string): Promise<string> {
  const { subnet_id: id } = aws.settings.options
  const subnet = id === undefined ? undefined : await findSubnet(aws, { region, id })
  const zone = subnet?.AvailabilityZone ?? pickByToken(await zonesOf(aws, region), token)
  if (zone !== undefined) return zone
  throw new CloudError(`No zone of ${region} is available.`, {
    cloud: 'aws',
    operation: 'DescribeAvailabilityZones',
    code: 'capacity',
    kind: 'capacity',
    scope: 'region',
    remedy: 'Take another region, or try again later.',
  })
}
