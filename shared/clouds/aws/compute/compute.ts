import type { CloudRef, CloudVm, ComputeFacet, InstanceSize } from '#shared/clouds/port.ts'
import { CloudError, isNotFound } from '#shared/clouds/errors.ts'
import type { AwsClients } from '#shared/clouds/aws/clients.ts'
import { releaseImage } from '#shared/clouds/aws/compute/images.ts'
import { describeVms, findInstance, withDisks } from '#shared/clouds/aws/compute/instances.ts'
import { launch } from '#shared/clouds/aws/compute/launch.ts'
import { tokenTag, toSize, toTags } from '#shared/clouds/aws/mapping.ts'
import { pages } from '#shared/clouds/aws/paging.ts'

/** EC2 instances. */
export function createCompute(aws: AwsClients, regions: () => Promise<string[]>): ComputeFacet {
  return {
    sizes: (region) => sizes(aws, region),
    create: (request) => launch(aws, request),
    async get(ref) {
      const instance = await findInstance(aws, ref)
      return instance && withDisks(aws, ref.region, instance)
    },
    async *list({ region }): AsyncGenerator<CloudVm> {
      for (const each of region === undefined ? await regions() : [region]) yield* describeVms(aws, each, {})
    },
    async start({ region, id }) {
      await aws.ec2(region, 'StartInstances', (ec2, http) => ec2.startInstances({ InstanceIds: [id] }, http))
    },
    // Stopping a stopped instance is accepted by EC2 and changes nothing.
    async stop({ region, id }) {
      await aws.ec2(region, 'StopInstances', (ec2, http) => ec2.stopInstances({ InstanceIds: [id] }, http))
    },
    async restart({ region, id }) {
      await aws.ec2(region, 'RebootInstances', (ec2, http) =>
        ec2.rebootInstances({ InstanceIds: [id] }, http),
      )
    },
    delete: (ref) => terminate(aws, ref),
    consoleOutput: (ref) => consoleOutput(aws, ref),
  }
}

async function sizes(aws: AwsClients, region: string): Promise<InstanceSize[]> {
  const found: InstanceSize[] = []
  const all = pages((token) =>
    aws.ec2(region, 'DescribeInstanceTypes', (ec2, http) =>
      ec2.describeInstanceTypes({ MaxResults: 100, ...token }, http),
    ),
  )
  for await (const { InstanceTypes = [] } of all) found.push(...InstanceTypes.map(toSize))
  return found
}

/**
 * Terminates the instance with all its volumes, also those that were attached to outlive it, and takes away the image and the imported
 * snapshots it may still have from its creation.
 */
async function terminate(aws: AwsClients, ref: CloudRef): Promise<void> {
  const { region, id } = ref
  const instance = await findInstance(aws, ref)
  if (instance === undefined) return
  const state = instance.State?.Name
  if (state !== 'terminated' && state !== 'shutting-down') {
    const surviving = (instance.BlockDeviceMappings ?? []).filter(
      (mapping) => !mapping.Ebs?.DeleteOnTermination,
    )
    if (surviving.length > 0) {
      const BlockDeviceMappings = surviving.map(({ DeviceName }) => ({
        DeviceName,
        Ebs: { DeleteOnTermination: true },
      }))
      await aws.ec2(region, 'ModifyInstanceAttribute', (ec2, http) =>
        ec2.modifyInstanceAttribute({ InstanceId: id, BlockDeviceMappings }, http),
      )
    }
    try {
      await aws.ec2(region, 'TerminateInstances', (ec2, http) =>
        ec2.terminateInstances({ InstanceIds: [id] }, http),
      )
    } catch (error) {
      if (!isNotFound(error)) throw error
    }
  }
  const token = toTags(instance.Tags)[tokenTag]
  if (token !== undefined) await releaseImage(aws, region, token)
}

async function consoleOutput(aws: AwsClients, { region, id }: CloudRef): Promise<string | undefined> {
  const ask = (Latest: boolean) =>
    aws.ec2(region, 'GetConsoleOutput', (ec2, http) => ec2.getConsoleOutput({ InstanceId: id, Latest }, http))
  try {
    return decode((await ask(true)).Output)
  } catch (error) {
    if (isNotFound(error)) return undefined
    // Types that are not of the Nitro system give only what they posted last.
    if (!(error instanceof CloudError && error.vendorCode === 'UnsupportedOperation')) throw error
    return decode((await ask(false)).Output)
  }
}

const decode = (base64: string | undefined): string | undefined =>
  base64 ? Buffer.from(base64, 'base64').toString('utf8') : undefined
