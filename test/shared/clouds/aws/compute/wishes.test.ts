import { expect, test } from 'vitest'
import type { CloudRef, CreateVm } from '#shared/clouds/port.ts'
import { openSubject } from '#test/shared/clouds/aws/subject.ts'
import {
  intentOf,
  newJob,
  residueOf,
  rootOf,
  untilState,
  writeChunks,
} from '#test/shared/clouds/conformance/subject.ts'
import { useSubject } from '#test/shared/clouds/use-subject.ts'

const job = newJob()
const subject = useSubject(openSubject, { job })

const wish = (changes: Partial<CreateVm>): CreateVm => ({
  ...intentOf(job),
  region: subject.region,
  name: 'wished',
  instanceType: 't3.small',
  boot: { image: undefined },
  ...changes,
})
const run = async (changes: Partial<CreateVm>) =>
  untilState(subject.cloud, await subject.cloud.compute.create(wish(changes)), 'running')
const volume = async (ref: CloudRef) =>
  (await subject.ec2.describeVolumes({ VolumeIds: [ref.id] })).Volumes?.[0]

test('every wish comes back as it was given', async () => {
  const vm = await run({
    zone: 'us-east-1b',
    tenancy: 'dedicated',
    placementGroup: 'my-cluster',
    detailedMonitoring: true,
  })
  expect(vm).toMatchObject({
    zone: 'us-east-1b',
    tenancy: 'dedicated',
    placementGroup: 'my-cluster',
    detailedMonitoring: true,
    spot: false,
  })
  const plain = await run({})
  expect(plain).toMatchObject({ tenancy: 'shared', detailedMonitoring: false, spot: false })
  expect(plain.placementGroup).toBeUndefined()
})

test('a spot price cap below the market is a matter of capacity, and nothing is made', async () => {
  const before = residueOf(subject.loopback, job).length
  await expect(
    subject.cloud.compute.create(wish({ spot: { maxHourlyPrice: '0.0001' } })),
  ).rejects.toMatchObject({ code: 'capacity', kind: 'capacity', vendorCode: 'SpotMaxPriceTooLow' })
  await expect(
    subject.cloud.compute.create(wish({ spot: { maxHourlyPrice: 'cheap' } })),
  ).rejects.toMatchObject({ code: 'invalid_request' })
  expect(residueOf(subject.loopback, job)).toHaveLength(before)
})

test('a spot VM cannot be stopped, and can be deleted', async () => {
  const vm = await run({ spot: {} })
  expect(vm.spot).toBe(true)
  await expect(subject.cloud.compute.stop(vm)).rejects.toMatchObject({ vendorCode: 'UnsupportedOperation' })
  await subject.cloud.compute.delete(vm)
})

test('security groups by name are those of the subnet’s own network', async () => {
  const { cloud, region } = subject
  const network = await cloud.networks.create({ ...intentOf(job), region, name: 'n', cidr: '10.60.0.0/16' })
  const wishes = { network, name: 'front', cidr: '10.60.1.0/24' }
  const subnet = await cloud.networks.subnets.create({ ...intentOf(job), ...wishes })
  const group = await cloud.networks.securityGroups.create({
    ...intentOf(job),
    region,
    network,
    name: 'web',
    description: 'web',
    rules: [],
  })
  const vm = await run({ subnet: subnet.id, securityGroups: ['web'] })
  expect(vm).toMatchObject({ subnet: subnet.id, securityGroups: [group.id] })
  await expect(
    subject.cloud.compute.create(wish({ subnet: subnet.id, securityGroups: ['web', 'nowhere'] })),
  ).rejects.toMatchObject({ code: 'not_found', message: expect.stringContaining('nowhere') as string })
})

test('disks made for a VM of imported disks are encrypted by the key asked for', async () => {
  const { cloud, region } = subject
  const disk = await cloud.disks.createDisk({
    ...intentOf(job),
    region,
    name: 'imported',
    sizeBytes: 2 ** 30,
    firmware: 'bios',
    architecture: 'x86_64',
  })
  const sink = await cloud.disks.openDiskForWrite(disk)
  await cloud.disks.sealDisk(disk, await writeChunks(sink, new Map([[0, Buffer.alloc(524_288, 5)]])))
  expect((await subject.ec2.describeSnapshots({ SnapshotIds: [disk.id] })).Snapshots?.[0]?.Encrypted).toBe(
    false,
  )
  const keyId = '77777777-1111-4111-8111-000000000001'
  const vm = await run({
    boot: { disks: [disk], firmware: 'bios', architecture: 'x86_64' },
    encryption: { keyId },
  })
  expect(await volume({ region, id: rootOf(vm).id })).toMatchObject({
    Encrypted: true,
    KmsKeyId: expect.stringContaining(keyId) as string,
  })
})

test('an image that cannot hibernate is launched without, under the same token', async () => {
  const request = wish({ encryption: {}, boot: { image: undefined, diskGib: 4 } })
  subject.loopback.inject({
    operation: 'RunInstances',
    mode: 'error',
    code: 'UnsupportedHibernationConfiguration',
    status: 400,
  })
  const vm = await subject.cloud.compute.create(request)
  expect((await subject.cloud.compute.create(request)).id).toBe(vm.id)
  await untilState(subject.cloud, vm, 'running')
  await expect(subject.cloud.compute.suspend(vm)).rejects.toMatchObject({ code: 'unsupported' })
})

test('a root disk without room for the memory beyond the image is not prepared for hibernation', async () => {
  for (const boot of [{ image: undefined }, { image: undefined, diskGib: 2 }]) {
    const vm = await run({ encryption: {}, boot })
    const { Reservations = [] } = await subject.ec2.describeInstances({ InstanceIds: [vm.id] })
    expect(Reservations[0]?.Instances?.[0]?.HibernationOptions?.Configured).toBe(false)
  }
})
