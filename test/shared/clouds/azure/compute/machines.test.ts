import { afterEach, expect, test } from 'vitest'
import type { CloudVm } from '#shared/clouds/port.ts'
import { compute } from '#test/clouds/azure/harness.ts'
import {
  intentOf,
  newJob,
  removeAll,
  residueOf,
  runVm,
  until,
  untilState,
} from '#test/shared/clouds/conformance/subject.ts'
import { makeVolume } from '#test/shared/clouds/conformance/things.ts'
import { openSubject, region } from '#test/shared/clouds/azure/subject.ts'
import { useSubject } from '#test/shared/clouds/use-subject.ts'

const job = newJob()

const subject = useSubject(openSubject)
afterEach(() => removeAll(subject, job))

const path = ({ id }: { id: string }) => `/${id.split('/').slice(3).join('/')}?${compute}`
const request = (wishes: object = {}) => ({
  ...intentOf(job),
  region,
  name: 'm',
  instanceType: 'Standard_D2s_v5',
  boot: { image: undefined },
  ...wishes,
})
const dataDisk = async (vm: CloudVm) => {
  const found = (await subject.cloud.compute.get(vm))?.disks.find(({ boot }) => !boot)
  if (!found) throw new Error('no data disk')
  return found
}

test('a VM that was not made for it is not suspended, and it is said why', async () => {
  const image = 'Canonical:ubuntu-24_04-lts:server:latest'
  const vm = await subject.cloud.compute.create(request({ boot: { image } }))
  await untilState(subject.cloud, vm, 'running')
  await expect(subject.cloud.compute.suspend(vm)).rejects.toMatchObject({
    code: 'unsupported',
    remedy: expect.stringContaining('hibernationEnabled') as string,
  })
  expect((await subject.cloud.compute.get(vm))?.state).toBe('running')
})

test('a VM tells the key that it was given, and not one that nobody has', async () => {
  const keyPair = `ssh-ed25519 ${Buffer.concat([Buffer.from([0, 0, 0, 11]), Buffer.from('ssh-ed25519'), Buffer.from([0, 0, 0, 32]), Buffer.alloc(32, 7)]).toString('base64')} ada`
  const [given, none] = await Promise.all([
    subject.cloud.compute.create(request({ keyPair })),
    subject.cloud.compute.create(request()),
  ])
  expect((await subject.cloud.compute.get(given))?.keyPair).toBe(keyPair)
  expect((await subject.cloud.compute.get(none))?.keyPair).toBeUndefined()
})

test('the guest is taught to hibernate once', async () => {
  const { cloud, loopback } = subject
  const vm = await runVm(subject, job)
  for (let round = 0; round < 2; round++) {
    await cloud.compute.suspend(vm)
    await untilState(cloud, vm, 'suspended')
    await cloud.compute.suspend(vm)
    await cloud.compute.resume(vm)
    await untilState(cloud, vm, 'running')
  }
  const lessons = loopback
    .calls()
    .filter(
      ({ operation, resource = '' }) =>
        operation.startsWith('VirtualMachineExtensions_C') && resource.startsWith(vm.id),
    )
  expect(lessons).toHaveLength(1)
})

test('a cap below the spot price is a want of room, and nothing stays of it', async () => {
  await expect(
    subject.cloud.compute.create(request({ spot: { maxHourlyPrice: '0.00001' } })),
  ).rejects.toMatchObject({ code: 'capacity', kind: 'capacity', scope: 'type' })
  await removeAll(subject, job)
  expect(residueOf(subject.loopback, job)).toEqual([])
})

test.for(['0', '0.000001', '-1', 'cheap'])(
  'a cap of "%s" is refused before anything is made',
  async (cap) => {
    const before = subject.loopback.calls().length
    await expect(
      subject.cloud.compute.create(request({ spot: { maxHourlyPrice: cap } })),
    ).rejects.toMatchObject({
      code: 'invalid_request',
      details: { field: 'spot.maxHourlyPrice' },
    })
    expect(subject.loopback.calls().length).toBe(before)
  },
)

test('a key of a Key Vault is refused with what to do instead', async () => {
  const keyId = 'https://vault.vault.azure.net/keys/k/1'
  await expect(subject.cloud.compute.create(request({ encryption: { keyId } }))).rejects.toMatchObject({
    code: 'invalid_request',
    remedy: expect.stringContaining('disk encryption set') as string,
  })
})

test.for([
  ['a key pair', { keyPair: 'not a/key/at all' }],
  ['a placement group', { placementGroup: '/subscriptions/s/nonsense' }],
  ['a second security group', { securityGroups: ['a', 'b'] }],
  ['a subnet', { subnet: 'a/b/c' }],
  ['an image', { boot: { image: 'ubuntu' } }],
] as const)('%s that Azure cannot understand is refused before anything is made', async ([, wishes]) => {
  const before = subject.loopback.calls().length
  await expect(subject.cloud.compute.create(request(wishes))).rejects.toMatchObject({
    code: 'invalid_request',
  })
  const changes = subject.loopback
    .calls()
    .slice(before)
    .filter(({ mutating }) => mutating)
  expect(changes).toEqual([])
})

test('two changes of tags at the same moment lose neither', async () => {
  const { cloud } = subject
  const vm = await runVm(subject, job)
  await Promise.all(
    ['a', 'b', 'c'].map((tag) =>
      cloud.compute.setTags(vm, { set: { [tag]: '1' }, remove: ['novacron-job'] }),
    ),
  )
  expect((await cloud.compute.get(vm))?.tags).toMatchObject({ a: '1', b: '1', c: '1', 'novacron-job': job })
})

test('a data disk is swapped at its place, also when the reply is lost, and swapped back', async () => {
  const { cloud, loopback } = subject
  const vm = await runVm(subject, job)
  const [old, replacement] = await Promise.all([
    makeVolume(subject, job, { name: 'old' }),
    makeVolume(subject, job, { name: 'new' }),
  ])
  await cloud.storage.volumes.attach(old, vm)
  const before = await dataDisk(vm)
  await expect(cloud.compute.swapDisk(vm, { disk: before, replacement })).rejects.toMatchObject({
    code: 'conflict',
  })
  await cloud.compute.stop(vm)
  await untilState(cloud, vm, 'stopped')
  const changes = loopback.calls().length
  loopback.inject({
    operation: 'VirtualMachines_AttachDetachDataDisks',
    mode: 'drop_reply',
    skip: 1,
    times: 3,
  })
  await cloud.compute.swapDisk(vm, { disk: before, replacement }).catch(() => undefined)
  loopback.clearFaults()
  await cloud.compute.swapDisk(vm, { disk: before, replacement })
  await cloud.compute.swapDisk(vm, { disk: before, replacement })
  expect(loopback.calls().length).toBeGreaterThan(changes)
  expect(await dataDisk(vm)).toMatchObject({ id: replacement.id, device: before.device })
  await until(
    'the old one to be free',
    async () => (await cloud.storage.volumes.get(old))?.state === 'available',
  )
  await cloud.compute.swapDisk(vm, { disk: await dataDisk(vm), replacement: old })
  expect(await dataDisk(vm)).toMatchObject({ id: old.id, device: before.device })
})

test('a disk is swapped only where it is', async () => {
  const { cloud } = subject
  const vm = await runVm(subject, job)
  const volume = await makeVolume(subject, job)
  await cloud.compute.stop(vm)
  const [boot] = (await untilState(cloud, vm, 'stopped')).disks
  if (!boot) throw new Error('no disk')
  const stranger = { ...boot, id: `${boot.id}x` }
  await expect(cloud.compute.swapDisk(vm, { disk: stranger, replacement: volume })).rejects.toMatchObject({
    code: 'conflict',
  })
  const nowhere = { ...boot, boot: false, device: '/dev/sdb' }
  await expect(cloud.compute.swapDisk(vm, { disk: nowhere, replacement: volume })).rejects.toMatchObject({
    code: 'invalid_request',
    details: { field: 'disk.device' },
  })
})

test('deleted by its VM, a disk that others attached goes too; a volume stays', async () => {
  const { cloud } = subject
  const vm = await runVm(subject, job)
  const [volume, plain] = await Promise.all([makeVolume(subject, job), makeVolume(subject, job)])
  await cloud.storage.volumes.attach(volume, vm)
  await cloud.storage.volumes.attach(plain, vm)
  // As a disk looks that was attached by hand: nothing says that it outlives the VM.
  const diskPath = `/${plain.id.split('/').slice(3).join('/')}?api-version=2026-03-02`
  await subject.raw.arm('PATCH', diskPath, { tags: { 'novacron-job': job } })
  await cloud.compute.delete(vm)
  await until('the VM to be gone', async () => (await cloud.compute.get(vm)) === undefined)
  expect((await cloud.storage.volumes.get(volume))?.state).toBe('available')
  expect(await cloud.storage.volumes.get(plain)).toBeUndefined()
  expect((await subject.raw.arm('GET', path(vm))).status).toBe(404)
})
