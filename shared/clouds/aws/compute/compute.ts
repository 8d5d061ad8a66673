import type { CloudRef, CloudVm, ComputeFacet, InstanceSize } from '#shared/clouds/port.ts'
import { CloudError, isNotFound } from '#shared/clouds/errors.ts'
import { awsCapabilities } from '#shared/clouds/aws/capabilities.ts'
import type { AwsClients } from '#shared/clouds/aws/clients.ts'
import { describeVms, findInstance, withDisks } from '#shared/clouds/aws/compute/instances.ts'
import { launch } from '#shared/clouds/aws/compute/launch.ts'
import { resize, resume, suspend } from '#shared/clouds/aws/compute/power.ts'
import { swapDisk } from '#shared/clouds/aws/compute/swap-disk.ts'
import { setTags } from '#shared/clouds/aws/compute/tags.ts'
import { terminate } from '#shared/clouds/aws/compute/terminate.ts'
import { toSize } from '#shared/clouds/aws/mapping.ts'
import { pages } from '#shared/clouds/aws/paging.ts'
import { refuseCustomSize } from '#shared/clouds/no-custom-sizes.ts'
import { refuseLive } from '#shared/clouds/stop-to-resize.ts'

/** EC2 instances. `regions` gives those of the account, for a listing that names none. */
export function createCompute(aws: AwsClients, regions: () => Promise<string[]>): ComputeFacet {
  return {
    sizes: (region) => sizes(aws, region),
    customSize: (_, name) => refuseCustomSize('aws', awsCapabilities, name),
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
    suspend: (ref) => suspend(aws, ref),
    resume: (ref) => resume(aws, ref),
    async resize(ref, instanceType, options) {
      refuseLive('aws', awsCapabilities, options)
      await resize(aws, ref, instanceType)
    },
    setTags: (ref, change) => setTags(aws, ref, change),
    swapDisk: (ref, swap) => swapDisk(aws, ref, swap),
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
