import { afterAll, beforeAll, expect, test } from 'vitest'
import { clientsFor } from '#test/clouds/aws/raw.ts'
import { openSubject, type AwsSubject } from '#test/shared/clouds/aws/subject.ts'
import {
  intentOf,
  newJob,
  removeAll,
  rootOf,
  runVm,
  until,
  untilGone,
  untilState,
} from '#test/shared/clouds/conformance/subject.ts'
import { makeVolume } from '#test/shared/clouds/conformance/things.ts'

let subject: AwsSubject
let ec2: ReturnType<typeof clientsFor>['ec2']
const job = newJob()
beforeAll(async () => {
  subject = await openSubject()
  ec2 = clientsFor(subject.loopback, subject.region).ec2
})
afterAll(async () => {
  await removeAll(subject, job)
  ec2.destroy()
  subject.cloud.close()
  await subject.loopback.close()
})

test('a VM with encrypted disks is suspended, tells so, and goes on', async () => {
  const { cloud, region } = subject
  const vm = await cloud.compute.create({
    ...intentOf(job),
    region,
    name: 'sleeper',
    instanceType: 't3.small',
    boot: { image: undefined, diskGib: 4 },
    encryption: {},
  })
  await untilState(cloud, vm, 'running')
  await cloud.compute.suspend(vm)
  await untilState(cloud, vm, 'suspended')
  await cloud.compute.suspend(vm)
  expect((await cloud.compute.get(vm))?.state).toBe('suspended')
  await cloud.compute.resume(vm)
  await untilState(cloud, vm, 'running')
  await cloud.compute.stop(vm)
  await untilState(cloud, vm, 'stopped')
})

test('a VM that was not prepared for it is not suspended, runs on, and is told why', async () => {
  const vm = await runVm(subject, job)
  await expect(subject.cloud.compute.suspend(vm)).rejects.toMatchObject({
    code: 'unsupported',
    remedy: expect.stringContaining('encrypted disks') as string,
  })
  expect((await subject.cloud.compute.get(vm))?.state).toBe('running')
})

test('a running VM is not resized, and one that has the size already is left as it is', async () => {
  const { compute } = subject.cloud
  const vm = await runVm(subject, job)
  await compute.resize(vm, vm.instanceType)
  await expect(compute.resize(vm, 't3.large')).rejects.toMatchObject({
    code: 'conflict',
    vendorCode: 'IncorrectInstanceState',
  })
  await compute.stop(vm)
  await untilState(subject.cloud, vm, 'stopped')
  await expect(compute.resize(vm, 't4g.small')).rejects.toMatchObject({ code: 'invalid_request' })
  await compute.resize(vm, 't3.large')
  expect((await compute.get(vm))?.instanceType).toBe('t3.large')
})

test('tags by which NovaCron finds its things are neither overwritten nor removed', async () => {
  const { compute } = subject.cloud
  const vm = await runVm(subject, job)
  await compute.setTags(vm, {
    set: { 'novacron-job': 'somebody else’s', team: 'shop' },
    remove: ['novacron-tenant', 'novacron-token'],
  })
  const { tags } = (await compute.get(vm)) ?? {}
  expect(tags).toMatchObject({ 'novacron-job': job, 'novacron-tenant': 'acme', team: 'shop' })
  expect(tags?.['novacron-token']).toBeDefined()
})

test('a swap that cannot be finished is not begun', async () => {
  const { cloud, region } = subject
  const vm = await runVm(subject, job)
  const here = await makeVolume(subject, job, { zone: vm.zone ?? '' })
  const elsewhere = await makeVolume(subject, job, { zone: 'us-east-1c' })
  const swap = (replacement: string) =>
    cloud.compute.swapDisk(vm, { disk: rootOf(vm), replacement: { region, id: replacement } })
  await expect(swap(here.id)).rejects.toMatchObject({ code: 'conflict' })
  await cloud.compute.stop(vm)
  await untilState(cloud, vm, 'stopped')
  await expect(swap(elsewhere.id)).rejects.toMatchObject({ code: 'conflict' })
  await expect(swap('vol-0123456789abcdef0')).rejects.toMatchObject({ code: 'not_found' })
  expect((await cloud.compute.get(vm))?.disks.map(({ id }) => id)).toEqual([rootOf(vm).id])
})

test.for(['DetachVolume', 'AttachVolume'])('a swap that died at %s is gone on with', async (operation) => {
  const { cloud, region } = subject
  const vm = await runVm(subject, job)
  const spare = await makeVolume(subject, job, { zone: vm.zone ?? '' })
  await cloud.compute.stop(vm)
  await untilState(cloud, vm, 'stopped')
  const swap = () => cloud.compute.swapDisk(vm, { disk: rootOf(vm), replacement: { region, id: spare.id } })
  subject.loopback.inject({ operation, mode: 'error', code: 'Unavailable', status: 503, times: 9 })
  await expect(swap()).rejects.toMatchObject({ code: 'unavailable' })
  subject.loopback.clearFaults()
  await swap()
  expect((await cloud.compute.get(vm))?.disks.map(({ id, device }) => [id, device])).toEqual([
    [spare.id, '/dev/sda1'],
  ])
})

test('a deletion takes the disks that EC2 would keep, and leaves a volume of its own', async () => {
  const { cloud } = subject
  const vm = await runVm(subject, job)
  const own = await makeVolume(subject, job, { zone: vm.zone ?? '' })
  await cloud.storage.volumes.attach(own, vm)
  const { VolumeId = '' } = await ec2.createVolume({ AvailabilityZone: vm.zone, Size: 1 })
  await until('the volume', async () => {
    const { Volumes = [] } = await ec2.describeVolumes({
      Filters: [{ Name: 'volume-id', Values: [VolumeId] }],
    })
    return Volumes[0]?.State === 'available'
  })
  await ec2.attachVolume({ VolumeId, InstanceId: vm.id, Device: '/dev/sdg' })
  await cloud.compute.delete(vm)
  await untilGone(cloud, vm)
  const left = new Set(subject.loopback.residue().map(({ id }) => id))
  expect([own.id, VolumeId, rootOf(vm).id].filter((id) => left.has(id))).toEqual([own.id])
})
