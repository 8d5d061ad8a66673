import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { EC2 } from '@aws-sdk/client-ec2'
import { openAws } from '#shared/clouds/aws/aws.ts'
import type { CloudSettings } from '#shared/clouds/port.ts'
import { unseenServiceCalls } from '#test/shared/clouds/aws/unseen-services.ts'
import { makePublic } from '#test/shared/clouds/aws/make-public.ts'
import { clientsFor } from '#test/clouds/aws/raw.ts'
import { startAws, type AwsOptions, type LoopbackAws } from '#test/clouds/aws/server.ts'
import { unseenMachineCalls } from '#test/shared/clouds/aws/unseen.ts'
import { writeBaseImage } from '#test/shared/clouds/conformance/base-image.ts'
import type { Subject } from '#test/shared/clouds/conformance.ts'

export const region = 'us-east-1'

export type AwsSubject = Subject & {
  loopback: LoopbackAws
  settings: CloudSettings
  /** The vendor's own client, which retries nothing. */
  ec2: EC2
}

/** The registration of a loopback AWS, quick to poll. */
export const settingsFor = (loopback: LoopbackAws, changes: Partial<CloudSettings> = {}): CloudSettings => ({
  providerId: 'aws-test',
  type: 'aws',
  credentials: loopback.credentials,
  regions: loopback.regions,
  defaultRegion: region,
  endpoints: loopback.endpoints,
  options: {
    ...loopback.options,
    consistency_ms: 500,
    poll_ms: 5,
    request_timeout_ms: 20_000,
    throttle_wait_ms: 100,
  },
  workerId: 'worker-7f3a',
  ...changes,
})

/** The adapter on a loopback AWS of its own, whose delays are short and whose machines do not boot. */
export async function openSubject(options: Partial<AwsOptions> = {}): Promise<AwsSubject> {
  const dir = await mkdtemp(join(tmpdir(), 'novacron-aws-'))
  const imagePath = join(dir, 'image.raw')
  await writeBaseImage(imagePath)
  const loopback = await startAws({
    dir,
    imagePath,
    boot: false,
    delaysMs: {
      pending: 15,
      stopping: 15,
      terminating: 15,
      snapshot: 15,
      volume: 15,
      modification: 15,
      network: 15,
      visible: 20,
    },
    ...options,
  })
  const settings = settingsFor(loopback)
  const { ec2, ebs } = clientsFor(loopback, region)
  return {
    cloud: await openAws(settings),
    loopback: {
      ...loopback,
      async close() {
        ec2.destroy()
        ebs.destroy()
        await loopback.close()
        await rm(dir, { recursive: true, force: true })
      },
    },
    settings,
    ec2,
    region,
    workerId: settings.workerId,
    imagePath,
    reopen: ({ options: own, ...changes } = {}) =>
      openAws(settingsFor(loopback, { ...changes, options: { ...settings.options, ...own } })),
    makePublic: (bucket) => makePublic(loopback, bucket),
    dialect: {
      instanceType: 't3.small',
      largerType: 't3.large',
      zone: 'us-east-1a',
      throttled: { code: 'RequestLimitExceeded', status: 503 },
      capacity: { code: 'InsufficientInstanceCapacity', status: 500 },
      createVmOperation: 'RunInstances',
      readOperation: 'GetSnapshotBlock',
      writeOperation: 'PutSnapshotBlock',
      refusals: {
        auth_failed: [
          { code: 'AuthFailure', status: 401 },
          { code: 'InvalidClientTokenId', status: 403 },
          { code: 'RequestExpired', status: 400 },
        ],
        forbidden: [
          { code: 'UnauthorizedOperation', status: 403 },
          { code: 'AccessDenied', status: 403 },
        ],
        not_found: [
          { code: 'InvalidInstanceID.NotFound', status: 400 },
          { code: 'InvalidSnapshot.NotFound', status: 400 },
        ],
        conflict: [
          { code: 'IncorrectInstanceState', status: 400 },
          { code: 'VolumeInUse', status: 400 },
          { code: 'DependencyViolation', status: 400 },
          { code: 'InvalidGroup.InUse', status: 400 },
          { code: 'BucketNotEmpty', status: 409 },
        ],
        invalid_request: [
          { code: 'InvalidParameterValue', status: 400 },
          { code: 'InvalidInstanceID.Malformed', status: 400 },
          { code: 'MissingParameter', status: 400 },
        ],
        capacity: [
          { code: 'InsufficientInstanceCapacity', status: 500 },
          { code: 'InsufficientHostCapacity', status: 500 },
        ],
        quota_exceeded: [
          { code: 'VcpuLimitExceeded', status: 400 },
          { code: 'AddressLimitExceeded', status: 400 },
          { code: 'MaxSpotInstanceCountExceeded', status: 400 },
        ],
        throttled: [
          { code: 'RequestLimitExceeded', status: 503 },
          { code: 'Throttling', status: 400 },
        ],
        unavailable: [
          { code: 'InternalError', status: 500 },
          { code: 'Unavailable', status: 503 },
        ],
      },
      placementGroup: 'my-cluster',
      customerKey: '5d1a3c6e-0000-4000-8000-0000000000c5',
      signIn: [],
      unseen: { ...unseenMachineCalls, ...unseenServiceCalls },
    },
  }
}
