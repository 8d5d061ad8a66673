import type { IdentityFacet } from '#shared/clouds/port.ts'
import type { AwsClients } from '#shared/clouds/aws/clients.ts'

/** Identity of an AWS account. */
export function createIdentity(aws: AwsClients): IdentityFacet {
  return {
    /** Needs no permission at all, so that it tells wrong keys from lacking rights. `principal` is the ARN of the user or role. */
    validate: () => callerIdentity(aws),

    async regions() {
      const { Regions = [] } = await aws.ec2(aws.homeRegion, 'DescribeRegions', (ec2, http) =>
        ec2.describeRegions({ AllRegions: false }, http),
      )
      const ids = Regions.flatMap((region) => region.RegionName ?? [])
      return Promise.all(ids.map(async (id) => ({ id, name: id, zones: await zonesOf(aws, id) })))
    },
  }
}

/** The account and principal of the credentials: STS GetCallerIdentity. */
export async function callerIdentity(aws: AwsClients): Promise<{ accountId: string; principal?: string }> {
  const { Account = '', Arn } = await aws.sts(aws.homeRegion, 'GetCallerIdentity', (sts, http) =>
    sts.getCallerIdentity({}, http),
  )
  return Arn === undefined ? { accountId: Account } : { accountId: Account, principal: Arn }
}

/** The zones of a region that take anything new, in order. */
export async function zonesOf(aws: AwsClients, region: string): Promise<string[]> {
  const { AvailabilityZones = [] } = await aws.ec2(region, 'DescribeAvailabilityZones', (ec2, http) =>
    // Local and wavelength zones take only some instance types and are opted into one by one.
    ec2.describeAvailabilityZones({ Filters: [{ Name: 'zone-type', Values: ['availability-zone'] }] }, http),
  )
  return AvailabilityZones.filter((zone) => zone.State === 'available')
    .flatMap((zone) => zone.ZoneName ?? [])
    .toSorted()
}
