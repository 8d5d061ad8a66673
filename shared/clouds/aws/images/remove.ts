import type { CloudRef } from '#shared/clouds/port.ts'
import type { AwsClients } from '#shared/clouds/aws/clients.ts'
import { eraseSnapshot } from '#shared/clouds/aws/disks/snapshots.ts'
import { findImage } from '#shared/clouds/aws/images/describe.ts'
import { snapshotsOf } from '#shared/clouds/aws/mapping.ts'
import { unlessAbsent } from '#shared/clouds/aws/parallel.ts'

/**
 * Deletes an image with its snapshots, in one call of EC2, so that no crash can leave snapshots that nobody knows of. Those that it did not
 * delete are deleted one by one.
 */
export async function removeImage(aws: AwsClients, ref: CloudRef): Promise<void> {
  const { region, id } = ref
  const image = await findImage(aws, ref)
  const answer = await unlessAbsent(
    aws.ec2(region, 'DeregisterImage', (ec2, http) =>
      ec2.deregisterImage({ ImageId: id, DeleteAssociatedSnapshots: true }, http),
    ),
  )
  if (answer === undefined || image === undefined) return
  const results = new Map(answer.DeleteSnapshotResults?.map((each) => [each.SnapshotId, each.ReturnCode]))
  for (const snapshot of snapshotsOf(image)) {
    const outcome = results.get(snapshot)
    if (outcome !== 'success' && outcome !== 'skipped') await eraseSnapshot(aws, { region, id: snapshot })
  }
}
