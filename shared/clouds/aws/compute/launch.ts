import type { Instance, RunInstancesRequest } from '@aws-sdk/client-ec2'
import type { CloudVm, CreateVm } from '#shared/clouds/port.ts'
import { CloudError } from '#shared/clouds/errors.ts'
import type { AwsClients } from '#shared/clouds/aws/clients.ts'
import { canHibernate } from '#shared/clouds/aws/compute/hibernation.ts'
import { ensureImage, findImage, releaseImage } from '#shared/clouds/aws/compute/images.ts'
import { findByToken, findInstance, withDisks } from '#shared/clouds/aws/compute/instances.ts'
import { describeRun, diskMappings } from '#shared/clouds/aws/compute/run-request.ts'
import { eraseSnapshot } from '#shared/clouds/aws/disks/snapshots.ts'
import { bounds, waitFor } from '#shared/clouds/aws/waiting.ts'

/**
 * Makes the VM of an intent, or finds it. From imported disks it takes three things: an image of the snapshots, the instance, and, once the
 * instance has left `pending`, the removal of the image and the snapshots. The last happens when the same intent is given again then, so:
 * create, wait until `get` says running, create again. Each of the three may be repeated after a crash at any instant.
 */
export async function launch(aws: AwsClients, request: CreateVm): Promise<CloudVm> {
  const { region, token } = request
  const instance = (await findByToken(aws, region, token)) ?? (await run(aws, request))
  if (instance.State?.Name === 'running' || instance.State?.Name === 'stopped')
    await releaseDisks(aws, request)
  return withDisks(aws, region, instance)
}

async function run(aws: AwsClients, request: CreateVm): Promise<Instance> {
  const { region, token } = request
  const wish = { ...(await describeRun(aws, request)), ...(await imageOf(aws, request)) }
  try {
    const { Instances = [] } = await sendRun(aws, region, wish)
    const id = Instances[0]?.InstanceId ?? ''
    return (await waitFor(() => findInstance(aws, { region, id }), bounds(aws))) ?? (Instances[0] as Instance)
  } catch (error) {
    if (!(error instanceof CloudError && error.vendorCode === 'IdempotentParameterMismatch')) throw error
    // The first call was made, with another image (a newer Ubuntu has come out since); its instance is the one.
    const earlier = await waitFor(() => findByToken(aws, region, token), bounds(aws))
    if (earlier) return earlier
    throw error
  }
}

/** Not every image can hibernate, and nothing tells before: then the VM comes without. */
async function sendRun(aws: AwsClients, region: string, wish: RunInstancesRequest) {
  const send = (input: RunInstancesRequest) =>
    aws.ec2(region, 'RunInstances', (ec2, http) => ec2.runInstances(input, http))
  try {
    return await send(wish)
  } catch (error) {
    const refused = error instanceof CloudError && error.vendorCode === 'UnsupportedHibernationConfiguration'
    if (!refused || wish.HibernationOptions === undefined) throw error
    const { HibernationOptions: _, ...without } = wish
    return send(without)
  }
}

/** What depends on where the disks come from. */
async function imageOf(
  aws: AwsClients,
  request: CreateVm,
): Promise<Pick<RunInstancesRequest, 'ImageId' | 'BlockDeviceMappings' | 'HibernationOptions'>> {
  const { boot, encryption } = request
  if ('disks' in boot) {
    const image = await ensureImage(aws, { ...request, boot })
    return { ImageId: image.ImageId, ...diskMappings(image, { encryption }) }
  }
  const image = await findImage(aws, { ...request, image: boot.image })
  return {
    ImageId: image.ImageId,
    ...diskMappings(image, { encryption, rootGib: boot.diskGib, volumeType: 'gp3' }),
    ...((await canHibernate(aws, request, image)) ? { HibernationOptions: { Configured: true } } : {}),
  }
}

/** The volumes have their own copy by now: the image and the snapshots it was made of only cost money. */
async function releaseDisks(aws: AwsClients, { region, token, boot }: CreateVm): Promise<void> {
  if (!('disks' in boot)) return
  await releaseImage(aws, region, token)
  for (const disk of boot.disks) await eraseSnapshot(aws, disk)
}
