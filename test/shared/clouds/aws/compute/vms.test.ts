import { expect, test } from 'vitest'
import { openAws } from '#shared/clouds/aws/aws.ts'
import type { CloudRef, CreateVm } from '#shared/clouds/port.ts'
import { runningClock } from '#test/clouds/core/clock.ts'
import { openSubject, settingsFor } from '#test/shared/clouds/aws/subject.ts'
import {
  intentOf,
  newJob,
  removeAll,
  residueOf,
  untilGone,
  untilState,
  writeChunks,
} from '#test/shared/clouds/conformance/subject.ts'
import { useSubject } from '#test/shared/clouds/use-subject.ts'

// In `pending` until the clock is moved, to see what a creation holds until the VM runs.
const clock = runningClock()
const pending = 3_600_000
const subject = useSubject(() =>
  openSubject({ clock, delaysMs: { pending, stopping: 15, terminating: 15, snapshot: 15, visible: 20 } }),
)
const untilRunning = (vm: CloudRef) => {
  clock.advance(pending)
  return untilState(subject.cloud, vm, 'running')
}

const gibibyte = 2 ** 30

async function sealedDisk(job: string): Promise<CloudRef> {
  const { cloud, region } = subject
  const disk = await cloud.disks.createDisk({
    ...intentOf(job),
    region,
    name: 'imported',
    sizeBytes: gibibyte,
    firmware: 'bios',
    architecture: 'x86_64',
  })
  const sink = await cloud.disks.openDiskForWrite(disk)
  const block = Buffer.alloc(sink.preferredChunkBytes, 7)
  await cloud.disks.sealDisk(disk, await writeChunks(sink, new Map([[0, block]])))
  return disk
}

const fromDisks = (job: string, disks: CloudRef[]): CreateVm => ({
  ...intentOf(job),
  region: subject.region,
  name: 'moved',
  instanceType: 't3.small',
  boot: { disks, firmware: 'bios', architecture: 'x86_64' },
})

const kindsOf = (job: string) =>
  residueOf(subject.loopback, job)
    .map(({ kind }) => kind)
    .toSorted()

test('a VM made of disks keeps its image and snapshots only until it is created again while it runs', async () => {
  const job = newJob()
  const request = fromDisks(job, [await sealedDisk(job), await sealedDisk(job)])
  const vm = await subject.cloud.compute.create(request)
  const running = await untilRunning(vm)
  expect(running.disks.map(({ boot, device }) => [boot, device])).toEqual([
    [true, '/dev/sda1'],
    [false, '/dev/sdf'],
  ])
  expect(running.firmware).toBe('bios')
  expect(kindsOf(job)).toEqual(['image', 'instance', 'snapshot', 'snapshot', 'volume', 'volume'])
  expect((await subject.cloud.compute.create(request)).id).toBe(vm.id)
  expect(kindsOf(job)).toEqual(['instance', 'volume', 'volume'])
  await removeAll(subject, job)
})

test('letting go of the image survives a lost reply to each of its calls', async () => {
  for (const operation of ['DeregisterImage', 'DeleteSnapshot']) {
    const job = newJob()
    const request = fromDisks(job, [await sealedDisk(job)])
    await untilRunning(await subject.cloud.compute.create(request))
    subject.loopback.inject({ operation, mode: 'drop_reply', times: 2 })
    await expect(subject.cloud.compute.create(request)).rejects.toMatchObject({ code: 'network' })
    await subject.cloud.compute.create(request)
    expect(kindsOf(job)).toEqual(['instance', 'volume'])
    await removeAll(subject, job)
  }
})

test.for(['RegisterImage', 'RunInstances'])('a lost reply to %s makes nothing twice', async (operation) => {
  const job = newJob()
  const request = fromDisks(job, [await sealedDisk(job)])
  subject.loopback.inject({ operation, mode: 'drop_reply', times: 2 })
  await expect(subject.cloud.compute.create(request)).rejects.toMatchObject({
    code: 'network',
    retryable: true,
  })
  const vm = await subject.cloud.compute.create(request)
  expect((await subject.cloud.compute.create(request)).id).toBe(vm.id)
  expect(kindsOf(job).filter((kind) => kind === 'image' || kind === 'instance')).toEqual([
    'image',
    'instance',
  ])
  await removeAll(subject, job)
})

test('a VM deleted before it let go of its image leaves neither image nor snapshots', async () => {
  const job = newJob()
  const vm = await subject.cloud.compute.create(fromDisks(job, [await sealedDisk(job)]))
  await untilRunning(vm)
  await subject.cloud.compute.delete(vm)
  await untilGone(subject.cloud, vm)
  expect(kindsOf(job)).toEqual([])
})

test('a disk can be deleted although a creation that failed has made an image of it', async () => {
  const job = newJob()
  const disk = await sealedDisk(job)
  subject.loopback.inject({
    operation: 'RunInstances',
    mode: 'error',
    code: 'InsufficientInstanceCapacity',
    times: 9,
  })
  await expect(subject.cloud.compute.create(fromDisks(job, [disk]))).rejects.toMatchObject({
    code: 'capacity',
  })
  subject.loopback.clearFaults()
  expect(kindsOf(job)).toEqual(['image', 'snapshot'])
  await subject.cloud.disks.deleteDisk(disk)
  expect(kindsOf(job)).toEqual([])
})

test('an image that is not ours keeps its snapshot', async () => {
  const job = newJob()
  const disk = await sealedDisk(job)
  const { ec2 } = subject
  const { ImageId } = await ec2.registerImage({
    Name: 'made by somebody else',
    Architecture: 'x86_64',
    BlockDeviceMappings: [{ DeviceName: '/dev/sda1', Ebs: { SnapshotId: disk.id } }],
  })
  clock.advance(30)
  await expect(subject.cloud.disks.deleteDisk(disk)).rejects.toMatchObject({
    code: 'conflict',
    retryable: true,
  })
  await ec2.deregisterImage({ ImageId })
  await subject.cloud.disks.deleteDisk(disk)
})

test('the default image is the newest Ubuntu, on a disk of the size asked for', async () => {
  const job = newJob()
  const vm = await subject.cloud.compute.create({
    ...intentOf(job),
    region: subject.region,
    zone: 'us-east-1b',
    name: 'sized',
    instanceType: 't2.micro',
    boot: { image: undefined, diskGib: 12 },
    keyPair: 'default',
    securityGroups: ['default'],
  })
  const running = await untilRunning(vm)
  expect(running).toMatchObject({ zone: 'us-east-1b', keyPair: 'default', instanceType: 't2.micro' })
  expect(running.disks[0]?.sizeBytes).toBe(12 * gibibyte)
  expect(running.securityGroups[0]).toMatch(/^sg-/)
  const { ec2 } = subject
  const { Images = [] } = await ec2.describeImages({ ImageIds: [running.imageId ?? ''] })
  expect(Images[0]?.Name).toMatch(/ubuntu-noble-24\.04-amd64-server-20260930$/)
  // t2 has no latest console output; the adapter asks for the last one posted instead.
  expect(await subject.cloud.compute.consoleOutput(vm)).toBeUndefined()
  await removeAll(subject, job)
})

test('tags that only AWS may set are not passed on', async () => {
  const job = newJob()
  const intent = intentOf(job)
  const vm = await subject.cloud.compute.create({
    ...intent,
    tags: { ...intent.tags, 'aws:autoscaling:groupName': 'web', team: 'shop' },
    region: subject.region,
    name: 'tagged',
    instanceType: 't3.small',
    boot: { image: undefined },
  })
  expect(vm.tags).toMatchObject({ team: 'shop', 'novacron-job': job, Name: 'tagged' })
  expect(Object.keys(vm.tags).filter((key) => key.startsWith('aws:'))).toEqual([])
  await removeAll(subject, job)
})

test('a registration without regions lists the VMs of every region that the account has', async () => {
  const job = newJob()
  const request = { name: 'far and near', instanceType: 't3.small', boot: { image: undefined } }
  const elsewhere = await subject.cloud.compute.create({
    ...request,
    ...intentOf(job),
    region: 'eu-west-1',
  })
  const here = await subject.cloud.compute.create({ ...request, ...intentOf(job), region: subject.region })
  const everywhere = await openAws(settingsFor(subject.loopback, { regions: [] }))
  const listed = await Array.fromAsync(everywhere.compute.list({}))
  everywhere.close()
  expect(listed.map(({ region, id }) => ({ region, id }))).toEqual(
    expect.arrayContaining([
      { region: 'eu-west-1', id: elsewhere.id },
      { region: subject.region, id: here.id },
    ]),
  )
  await subject.cloud.compute.delete(elsewhere)
  await removeAll(subject, job)
})
