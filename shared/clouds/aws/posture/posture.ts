import type { PostureFacet, PostureResource } from '#shared/clouds/port.ts'
import type { AwsClients } from '#shared/clouds/aws/clients.ts'
import { callerIdentity } from '#shared/clouds/aws/identity/identity.ts'
import { bucketPosture } from '#shared/clouds/aws/posture/buckets.ts'
import { machinePosture } from '#shared/clouds/aws/posture/machines.ts'
import { networkPosture } from '#shared/clouds/aws/posture/networks.ts'

/** Everything in a region that checks look at. */
export const createPosture = (aws: AwsClients): PostureFacet => ({
  async *inventory({ region }) {
    yield await accountPosture(aws, region)
    yield* machinePosture(aws, region)
    yield* networkPosture(aws, region)
    yield* bucketPosture(aws, region)
  },
})

async function accountPosture(aws: AwsClients, region: string): Promise<PostureResource> {
  const [{ accountId }, encryption, block, console] = await Promise.all([
    callerIdentity(aws),
    aws.ec2(region, 'GetEbsEncryptionByDefault', (ec2, http) => ec2.getEbsEncryptionByDefault({}, http)),
    aws.ec2(region, 'GetSnapshotBlockPublicAccessState', (ec2, http) =>
      ec2.getSnapshotBlockPublicAccessState({}, http),
    ),
    aws.ec2(region, 'GetSerialConsoleAccessStatus', (ec2, http) =>
      ec2.getSerialConsoleAccessStatus({}, http),
    ),
  ])
  return {
    kind: 'account',
    region,
    id: accountId,
    name: accountId,
    tags: {},
    disksEncryptedByDefault: encryption.EbsEncryptionByDefault ?? false,
    // Blocking new sharing alone leaves public what is public.
    publicSnapshotsBlocked: block.State === 'block-all-sharing',
    serialConsoleAllowed: console.SerialConsoleAccessEnabled ?? false,
  }
}
