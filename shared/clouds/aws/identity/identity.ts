import type { IdentityFacet } from '#shared/clouds/port.ts'
import type { AwsClients } from '#shared/clouds/aws/clients.ts'

/** Identity of an AWS account, as far as EC2 alone tells it. */
export function createIdentity(aws: AwsClients): IdentityFacet {
  return {
    /** The account id is the owner of the security groups: every VPC has one, and the call is as cheap as any. */
    async validate() {
      const { SecurityGroups = [] } = await aws.ec2(aws.homeRegion, 'DescribeSecurityGroups', (ec2, http) =>
        ec2.describeSecurityGroups({ MaxResults: 5 }, http),
      )
      return { accountId: SecurityGroups.find((group) => group.OwnerId)?.OwnerId ?? 'unknown' }
    },

    async regions() {
      const { Regions = [] } = await aws.ec2(aws.homeRegion, 'DescribeRegions', (ec2, http) =>
        ec2.describeRegions({ AllRegions: false }, http),
      )
      const ids = Regions.flatMap((region) => region.RegionName ?? [])
      return Promise.all(ids.map(async (id) => ({ id, name: id, zones: await zonesOf(aws, id) })))
    },
  }
}

async function zonesOf(aws: AwsClients, region: string): Promise<string[]> {
  const { AvailabilityZones = [] } = await aws.ec2(region, 'DescribeAvailabilityZones', (ec2, http) =>
    // Local and wavelength zones take only some instance types and are opted into one by one.
    ec2.describeAvailabilityZones({ Filters: [{ Name: 'zone-type', Values: ['availability-zone'] }] }, http),
  )
  return AvailabilityZones.filter((zone) => zone.State === 'available')
    .flatMap((zone) => zone.ZoneName ?? [])
    .toSorted()
}
