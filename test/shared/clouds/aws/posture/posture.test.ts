import { expect, test } from 'vitest'
import type { PostureResource } from '#shared/clouds/port.ts'
import { rawS3 } from '#test/shared/clouds/aws/make-public.ts'
import { openSubject } from '#test/shared/clouds/aws/subject.ts'
import { intentOf, newJob, rootOf, runVm, untilReady } from '#test/shared/clouds/conformance/subject.ts'
import { makeBucket } from '#test/shared/clouds/conformance/things.ts'
import { subjectOfTest, useSubject } from '#test/shared/clouds/use-subject.ts'

const subject = useSubject(openSubject)

async function resource<K extends PostureResource['kind']>(kind: K, id?: string) {
  const all = await Array.fromAsync(subject.cloud.posture.inventory({ region: subject.region }))
  const found = all.find((each) => each.kind === kind && (id === undefined || each.id === id))
  if (found === undefined) throw new Error(`no ${kind} ${id}`)
  return found as Extract<PostureResource, { kind: K }>
}

test('what the account sets for a region is told as it is', async () => {
  expect(await resource('account')).toMatchObject({
    id: '123456789012',
    disksEncryptedByDefault: false,
    publicSnapshotsBlocked: false,
    serialConsoleAllowed: false,
  })
  await subject.ec2.enableEbsEncryptionByDefault({})
  await subject.ec2.enableSerialConsoleAccess({})
  await subject.ec2.enableSnapshotBlockPublicAccess({ State: 'block-new-sharing' })
  expect(await resource('account')).toMatchObject({
    disksEncryptedByDefault: true,
    publicSnapshotsBlocked: false,
    serialConsoleAllowed: true,
  })
  await subject.ec2.enableSnapshotBlockPublicAccess({ State: 'block-all-sharing' })
  expect(await resource('account')).toMatchObject({ publicSnapshotsBlocked: true })
  await subject.ec2.disableEbsEncryptionByDefault({})
  expect(await resource('account')).toMatchObject({ disksEncryptedByDefault: false })
})

test('a snapshot that everybody can restore is told as public, another is not', async () => {
  const own = await subjectOfTest(openSubject())
  const { cloud, region } = own
  const vm = await runVm(own, newJob())
  const [open, kept] = [
    await cloud.disks.createSnapshot({ ...intentOf(newJob()), region, vm, disk: rootOf(vm) }),
    await cloud.disks.createSnapshot({ ...intentOf(newJob()), region, vm, disk: rootOf(vm) }),
  ]
  for (const snapshot of [open, kept]) await untilReady(cloud, snapshot)
  await own.ec2.modifySnapshotAttribute({ SnapshotId: open.id, OperationType: 'add', GroupNames: ['all'] })
  const all = await Array.fromAsync(cloud.posture.inventory({ region }))
  const snapshots = all.filter((each) => each.kind === 'snapshot')
  expect(snapshots.find(({ id }) => id === open.id)).toMatchObject({ public: true })
  expect(snapshots.find(({ id }) => id === kept.id)).toMatchObject({ public: false })
})

test('a VM tells of its protection, its metrics and its disks', async () => {
  const vm = await runVm(subject, newJob())
  expect(await resource('vm', vm.id)).toMatchObject({
    deletionProtected: false,
    disksEncrypted: false,
    metadataProtected: true,
    running: true,
  })
  await subject.ec2.modifyInstanceAttribute({ InstanceId: vm.id, DisableApiTermination: { Value: true } })
  expect(await resource('vm', vm.id)).toMatchObject({ deletionProtected: true })
})

test('a bucket tells whether it is logged, and whether it demands TLS', async () => {
  const bucket = await makeBucket(subject, intentOf(newJob()))
  expect(await resource('bucket', bucket.id)).toMatchObject({ logging: false, tlsOnly: false })
  const s3 = rawS3(subject.loopback, subject.region)
  const deny = (more: object) =>
    s3.putBucketPolicy({
      Bucket: bucket.id,
      Policy: JSON.stringify({
        Version: '2012-10-17',
        Statement: [{ Effect: 'Deny', Principal: '*', Action: 's3:*', Resource: '*', ...more }],
      }),
    })
  await s3.putBucketLogging({
    Bucket: bucket.id,
    BucketLoggingStatus: { LoggingEnabled: { TargetBucket: bucket.id, TargetPrefix: 'log/' } },
  })
  await deny({ Condition: { Bool: { 'aws:SecureTransport': 'true' } } })
  expect(await resource('bucket', bucket.id)).toMatchObject({ logging: true, tlsOnly: false })
  await deny({ Condition: { Bool: { 'aws:SecureTransport': 'false' } } })
  expect(await resource('bucket', bucket.id)).toMatchObject({ tlsOnly: true })
  s3.destroy()
})

test('a network tells whether its traffic is logged', async () => {
  const wishes = { region: subject.region, name: 'logged', cidr: '10.90.0.0/16' }
  const network = await subject.cloud.networks.create({ ...intentOf(newJob()), ...wishes })
  expect(await resource('network', network.id)).toMatchObject({ flowLogs: false, isDefault: false })
  await subject.ec2.createFlowLogs({ ResourceIds: [network.id], ResourceType: 'VPC', TrafficType: 'ALL' })
  expect(await resource('network', network.id)).toMatchObject({ flowLogs: true })
})
