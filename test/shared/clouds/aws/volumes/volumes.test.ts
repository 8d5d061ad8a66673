import { expect, test } from 'vitest'
import type { VolumeType } from '#shared/clouds/port.ts'
import { openSubject } from '#test/shared/clouds/aws/subject.ts'
import { intentOf, newJob, runVm, until } from '#test/shared/clouds/conformance/subject.ts'
import { makeVolume } from '#test/shared/clouds/conformance/things.ts'
import { subjectOfTest, useSubject } from '#test/shared/clouds/use-subject.ts'

const gibibyte = 2 ** 30

const job = newJob()
const subject = useSubject(openSubject, { job })

const request = (changes: { sizeGib?: number; type?: VolumeType; zone?: string } = {}) => ({
  ...intentOf(job),
  region: subject.region,
  name: 'data',
  sizeGib: 10,
  type: 'ssd' as const,
  ...changes,
})

test.for([
  { type: 'standard' as const, sizeGib: 10, is: 'standard', iops: undefined },
  { type: 'standard' as const, sizeGib: 500, is: 'st1', iops: undefined },
  { type: 'ssd' as const, sizeGib: 10, is: 'gp3', iops: 3000 },
  { type: 'premium' as const, sizeGib: 200, is: 'io2', iops: 2000 },
])('$type of $sizeGib GiB is $is', async ({ type, sizeGib, is, iops }) => {
  const { id } = await subject.cloud.storage.volumes.create(request({ type, sizeGib, zone: 'us-east-1a' }))
  const { Volumes = [] } = await subject.ec2.describeVolumes({ VolumeIds: [id] })
  expect(Volumes[0]).toMatchObject({ VolumeType: is, Encrypted: true })
  expect(Volumes[0]?.Iops).toBe(iops)
})

test('volumes without a zone spread over the region’s zones, and the same token stays in one', async () => {
  const { volumes } = subject.cloud.storage
  const zones = new Set<string | undefined>()
  for (let nr = 0; nr < 12; nr++) {
    const wish = request()
    const made = await volumes.create(wish)
    zones.add((await volumes.get(made))?.zone)
    expect(await volumes.create(wish)).toEqual(made)
  }
  expect(zones.size).toBeGreaterThan(1)
  expect([...zones].every((zone) => zone?.startsWith('us-east-1'))).toBe(true)
})

test('a registration with a subnet has its volumes in the subnet’s zone, where its VMs are', async () => {
  const { Subnets = [] } = await subject.ec2.describeSubnets({})
  const [subnet] = Subnets.toSorted((a, b) =>
    (b.AvailabilityZone ?? '').localeCompare(a.AvailabilityZone ?? ''),
  )
  const cloud = await subject.reopen({ options: { subnet_id: subnet?.SubnetId } })
  for (let nr = 0; nr < 4; nr++) {
    const made = await cloud.storage.volumes.create(request())
    expect((await cloud.storage.volumes.get(made))?.zone).toBe(subnet?.AvailabilityZone)
  }
  cloud.close()
})

test('a volume encrypted by the cloud’s own key names no key', async () => {
  const volume = await makeVolume(subject, job)
  expect(volume.encrypted).toBe(true)
  expect(volume.keyId).toBeUndefined()
})

test('the size asked for again while the volume still grows is taken as done, another one is not', async () => {
  const { volumes } = subject.cloud.storage
  const slow = await subjectOfTest(openSubject({ delaysMs: { volume: 0, visible: 0, modification: 60_000 } }))
  const made = await slow.cloud.storage.volumes.create(request({ zone: 'us-east-1a' }))
  await slow.cloud.storage.volumes.resize(made, 20)
  await slow.cloud.storage.volumes.resize(made, 20)
  await expect(slow.cloud.storage.volumes.resize(made, 30)).rejects.toMatchObject({
    code: 'conflict',
    retryable: true,
    vendorCode: 'IncorrectModificationState',
  })

  const quick = await makeVolume(subject, job)
  for (const sizeGib of [20, 30, 40, 50]) {
    await volumes.resize(quick, sizeGib)
    await until('the volume to have grown', async () => {
      const { VolumesModifications = [] } = await subject.ec2.describeVolumesModifications({
        VolumeIds: [quick.id],
      })
      return VolumesModifications[0]?.ModificationState === 'completed'
    })
  }
  expect((await volumes.get(quick))?.sizeBytes).toBe(50 * gibibyte)
  await expect(volumes.resize(quick, 60)).rejects.toMatchObject({
    code: 'conflict',
    kind: 'permanent',
    vendorCode: 'VolumeModificationRateExceeded',
  })
})

test('volumes take the first device names that are free', async () => {
  const { cloud } = subject
  const vm = await runVm(subject, job)
  const zone = vm.zone ?? ''
  const [one, two, three] = [
    await makeVolume(subject, job, { zone }),
    await makeVolume(subject, job, { zone }),
    await makeVolume(subject, job, { zone }),
  ]
  await cloud.storage.volumes.attach(one, vm)
  await cloud.storage.volumes.attach(two, vm)
  await until('both to be attached', async () => (await cloud.compute.get(vm))?.disks.length === 3)
  await cloud.storage.volumes.detach(one)
  await until('it to be free', async () => (await cloud.storage.volumes.get(one))?.state === 'available')
  await cloud.storage.volumes.attach(three, vm)
  const { disks = [] } = (await cloud.compute.get(vm)) ?? {}
  expect(disks.slice(1).map(({ id, device }) => [id, device])).toEqual([
    [three.id, '/dev/sdf'],
    [two.id, '/dev/sdg'],
  ])
})

test('a lost reply to AttachVolume attaches once, and is no error', async () => {
  const { cloud } = subject
  const vm = await runVm(subject, job)
  const volume = await makeVolume(subject, job, { zone: vm.zone ?? '' })
  subject.loopback.inject({ operation: 'AttachVolume', mode: 'drop_reply', times: 1 })
  await cloud.storage.volumes.attach(volume, vm)
  expect((await cloud.storage.volumes.get(volume))?.vm).toBe(vm.id)
})

test('a volume in another zone than the VM is refused as a mistake', async () => {
  const vm = await runVm(subject, job)
  const volume = await makeVolume(subject, job, { zone: 'us-east-1c' })
  await expect(subject.cloud.storage.volumes.attach(volume, vm)).rejects.toMatchObject({
    code: 'invalid_request',
    vendorCode: 'InvalidVolume.ZoneMismatch',
  })
})
