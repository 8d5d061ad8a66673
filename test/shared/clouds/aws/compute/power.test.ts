import { expect, test } from 'vitest'
import { openSubject } from '#test/shared/clouds/aws/subject.ts'
import {
  intentOf,
  newJob,
  rootOf,
  runVm,
  until,
  untilGone,
  untilState,
} from '#test/shared/clouds/conformance/subject.ts'
import { makeVolume } from '#test/shared/clouds/conformance/things.ts'
import { useSubject } from '#test/shared/clouds/use-subject.ts'

const job = newJob()
const subject = useSubject(openSubject, { job })

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
  const { VolumeId = '' } = await subject.ec2.createVolume({ AvailabilityZone: vm.zone, Size: 1 })
  await until('the volume', async () => {
    const { Volumes = [] } = await subject.ec2.describeVolumes({
      Filters: [{ Name: 'volume-id', Values: [VolumeId] }],
    })
    return Volumes[0]?.State === 'available'
  })
  await subject.ec2.attachVolume({ VolumeId, InstanceId: vm.id, Device: '/dev/sdg' })
  await cloud.compute.delete(vm)
  await untilGone(cloud, vm)
  const left = new Set(subject.loopback.residue().map(({ id }) => id))
  expect([own.id, VolumeId, rootOf(vm).id].filter((id) => left.has(id))).toEqual([own.id])
})
