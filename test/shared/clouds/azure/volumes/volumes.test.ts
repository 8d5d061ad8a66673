import { afterEach, expect, test } from 'vitest'
import {
  intentOf,
  newJob,
  removeAll,
  rootOf,
  runVm,
  until,
  untilReady,
  untilState,
} from '#test/shared/clouds/conformance/subject.ts'
import { insist, makeVolume, untilVolume } from '#test/shared/clouds/conformance/things.ts'
import { openSubject, region } from '#test/shared/clouds/azure/subject.ts'
import { useSubject } from '#test/shared/clouds/use-subject.ts'

const job = newJob()

const subject = useSubject(openSubject)
afterEach(() => removeAll(subject, job))

const diskPath = ({ id }: { id: string }) => `/${id.split('/').slice(3).join('/')}?api-version=2026-03-02`

test('two volumes attached at the same moment get places of their own', async () => {
  const { cloud } = subject
  const vm = await runVm(subject, job)
  const volumes = await Promise.all([makeVolume(subject, job), makeVolume(subject, job)])
  await Promise.all(volumes.map((volume) => insist(() => cloud.storage.volumes.attach(volume, vm))))
  const described = await Promise.all(volumes.map((volume) => cloud.storage.volumes.get(volume)))
  expect(new Set(described.map((volume) => volume?.device))).toEqual(new Set(['lun0', 'lun1']))
  const listed = await Array.fromAsync(cloud.storage.volumes.list({ region }))
  expect(listed.filter(({ id }) => volumes.some((volume) => volume.id === id))).toEqual(
    expect.arrayContaining(described),
  )
})

test('a volume attached twice by a lost reply is attached once', async () => {
  const { cloud, loopback } = subject
  const vm = await runVm(subject, job)
  const volume = await makeVolume(subject, job)
  loopback.inject({ operation: 'VirtualMachines_AttachDetachDataDisks', mode: 'drop_reply', times: 3 })
  await insist(() => cloud.storage.volumes.attach(volume, vm))
  loopback.clearFaults()
  expect((await cloud.compute.get(vm))?.disks).toHaveLength(2)
})

test('a boot disk is not detached, and grows only while its VM is stopped', async () => {
  const { cloud } = subject
  const vm = await runVm(subject, job)
  const boot = { region, id: rootOf(vm).id }
  await expect(cloud.storage.volumes.detach(boot)).rejects.toMatchObject({ code: 'conflict' })
  await expect(cloud.storage.volumes.resize(boot, 50)).rejects.toMatchObject({ code: 'conflict' })
  await cloud.compute.stop(vm)
  await untilState(cloud, vm, 'stopped')
  await cloud.storage.volumes.resize(boot, 50)
  expect((await cloud.storage.volumes.get(boot))?.sizeBytes).toBe(50 * 2 ** 30)
})

test('a volume grows in use, but not past 4 TiB', async () => {
  const { cloud } = subject
  const vm = await runVm(subject, job)
  const volume = await makeVolume(subject, job)
  await cloud.storage.volumes.attach(volume, vm)
  await cloud.storage.volumes.resize(volume, 100)
  await expect(cloud.storage.volumes.resize(volume, 5000)).rejects.toMatchObject({ code: 'conflict' })
  expect((await untilVolume(subject, volume, 'in_use')).sizeBytes).toBe(100 * 2 ** 30)
})

test('a volume of one zone is not attached in another, and that is no passing trouble', async () => {
  const vm = await subject.cloud.compute.create({
    ...intentOf(job),
    region,
    zone: '2',
    name: 'z',
    instanceType: 'Standard_D2s_v5',
    boot: { image: undefined },
  })
  await untilState(subject.cloud, vm, 'running')
  const volume = await makeVolume(subject, job, { zone: `${region}-1` })
  expect(volume.zone).toBe('1')
  await expect(subject.cloud.storage.volumes.attach(volume, vm)).rejects.toMatchObject({ kind: 'permanent' })
})

test('a disk that others made is attached as a volume, and so outlives the VM', async () => {
  const { cloud } = subject
  const vm = await runVm(subject, job)
  const volume = await makeVolume(subject, job)
  await subject.raw.arm('PATCH', diskPath(volume), { tags: { 'novacron-job': job, by: 'hand' } })
  await cloud.storage.volumes.attach(volume, vm)
  await cloud.compute.delete(vm)
  await until('the VM to be gone', async () => (await cloud.compute.get(vm)) === undefined)
  expect((await untilVolume(subject, volume, 'available')).tags).toMatchObject({ by: 'hand' })
})

test('a volume that somebody reads is attached and deleted all the same', async () => {
  const { cloud } = subject
  const vm = await runVm(subject, job)
  const [read, gone] = await Promise.all([makeVolume(subject, job), makeVolume(subject, job)])
  await cloud.disks.openDisk(read)
  await cloud.disks.openDisk(gone)
  await cloud.storage.volumes.attach(read, vm)
  await cloud.storage.volumes.delete(gone)
  expect((await cloud.storage.volumes.get(read))?.vm).toBe(vm.id)
})

test('a volume made of a snapshot is at least as large, with the key that is asked for', async () => {
  const { cloud, dialect } = subject
  const source = await makeVolume(subject, job, { sizeGib: 8 })
  const snapshot = await untilReady(
    cloud,
    await cloud.disks.createSnapshot({ ...intentOf(job), region, disk: source }),
  )
  await expect(makeVolume(subject, job, { snapshot, sizeGib: 4 })).rejects.toMatchObject({
    code: 'invalid_request',
  })
  const encryption = { keyId: dialect.customerKey ?? '' }
  const made = await makeVolume(subject, job, { snapshot, sizeGib: 16, type: 'premium', encryption })
  expect(made).toMatchObject({
    sizeBytes: 16 * 2 ** 30,
    vendorType: 'Premium_LRS',
    keyId: dialect.customerKey,
  })
})
