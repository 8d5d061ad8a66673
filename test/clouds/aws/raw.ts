import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { EBS } from '@aws-sdk/client-ebs'
import { EC2 } from '@aws-sdk/client-ec2'
import { startAws, type AwsOptions, type LoopbackAws } from '#test/clouds/aws/server.ts'

/** The vendor's own clients on a loopback AWS, as any program would use them: they retry nothing. */
export interface RawAws {
  aws: LoopbackAws
  ec2: EC2
  ebs: EBS
  close(): Promise<void>
}

export const instant = {
  pending: 0,
  stopping: 0,
  terminating: 0,
  snapshot: 0,
  volume: 0,
  modification: 0,
  network: 0,
  visible: 0,
}

export async function openRaw(options: Partial<AwsOptions> = {}, region = 'us-east-1'): Promise<RawAws> {
  const dir = await mkdtemp(join(tmpdir(), 'novacron-raw-aws-'))
  const aws = await startAws({ dir, boot: false, delaysMs: instant, ...options })
  const { ec2, ebs } = clientsFor(aws, region)
  return {
    aws,
    ec2,
    ebs,
    async close() {
      ec2.destroy()
      ebs.destroy()
      await aws.close()
      await rm(dir, { recursive: true, force: true })
    },
  }
}

export function clientsFor(aws: LoopbackAws, region: string, secret = aws.credentials.secret_access_key) {
  const config = {
    region,
    endpoint: aws.url,
    maxAttempts: 1,
    credentials: { accessKeyId: aws.credentials.access_key_id, secretAccessKey: secret },
  }
  return { ec2: new EC2(config), ebs: new EBS(config) }
}

/** The vendor's code of the refusal that `work` meets; fails if it meets none. */
export async function refusalOf(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => {
      throw new Error('expected a refusal, got an answer')
    },
    (error: Error) => error.name,
  )
}

/** An instance of the default image. */
export async function runOne(
  { ec2 }: RawAws,
  more: Partial<Parameters<EC2['runInstances']>[0]> = {},
): Promise<string> {
  const { Images = [] } = await ec2.describeImages({ Owners: ['099720109477'] })
  const { Instances = [] } = await ec2.runInstances({
    ImageId: Images[0]?.ImageId,
    InstanceType: 't3.micro',
    MinCount: 1,
    MaxCount: 1,
    ...more,
  })
  return Instances[0]?.InstanceId ?? ''
}

export async function stateOf({ ec2 }: RawAws, id: string): Promise<string | undefined> {
  const { Reservations = [] } = await ec2.describeInstances({ InstanceIds: [id] })
  return Reservations[0]?.Instances?.[0]?.State?.Name
}

export async function rootVolume({ ec2 }: RawAws, id: string): Promise<string> {
  const { Reservations = [] } = await ec2.describeInstances({ InstanceIds: [id] })
  return Reservations[0]?.Instances?.[0]?.BlockDeviceMappings?.[0]?.Ebs?.VolumeId ?? ''
}

export async function until(probe: () => Promise<boolean>): Promise<void> {
  for (const deadline = Date.now() + 10_000; !(await probe());) {
    if (Date.now() > deadline) throw new Error('waited 10 s in vain')
    await delay(10)
  }
}
