import { expect, test } from 'vitest'
import { runningClock } from '#test/clouds/core/clock.ts'
import { openSubject } from '#test/shared/clouds/aws/subject.ts'
import { intentOf, newJob, removeAll, residueOf, runVm } from '#test/shared/clouds/conformance/subject.ts'
import { useSubject } from '#test/shared/clouds/use-subject.ts'

const clock = runningClock()
const subject = useSubject(() => openSubject({ clock }))

const owned = (job: string) =>
  Array.fromAsync(subject.cloud.inventory.owned({ region: subject.region, tags: { 'novacron-job': job } }))

test('a whole network is told of in the order in which it can be removed', async () => {
  const { cloud, region } = subject
  const job = newJob()
  const network = await cloud.networks.create({ ...intentOf(job), region, name: 'n', cidr: '10.70.0.0/16' })
  const wishes = { network, name: 'front', cidr: '10.70.1.0/24' }
  const subnet = await cloud.networks.subnets.create({ ...intentOf(job), ...wishes })
  await cloud.networks.securityGroups.create({
    ...intentOf(job),
    region,
    network,
    name: 'web',
    description: 'web',
    rules: [],
  })
  const { NetworkInterface } = await subject.ec2.createNetworkInterface({
    SubnetId: subnet.id,
    TagSpecifications: [{ ResourceType: 'network-interface', Tags: [{ Key: 'novacron-job', Value: job }] }],
  })
  clock.advance(40)
  const found = await owned(job)
  expect(found.map(({ kind }) => kind)).toEqual([
    'interface',
    'security_group',
    'subnet',
    'gateway',
    'network',
  ])
  expect(found[0]?.id).toBe(NetworkInterface?.NetworkInterfaceId)
  for (const resource of found) await cloud.inventory.remove(resource)
  expect(residueOf(subject.loopback, job)).toEqual([])
  for (const resource of found) await cloud.inventory.remove(resource)
})

test('the interface of a VM is not told of, because it goes with the VM', async () => {
  const job = newJob()
  await runVm(subject, job)
  clock.advance(40)
  expect((await owned(job)).map(({ kind }) => kind)).toEqual(['vm', 'disk'])
  await removeAll(subject, job)
})

test('an address is taken from the VM of another job before it is given back', async () => {
  const { cloud, region } = subject
  const [job, other] = [newJob(), newJob()]
  const vm = await runVm(subject, other)
  const address = await cloud.networks.addresses.create({ ...intentOf(job), region, name: 'front' })
  await cloud.networks.addresses.associate(address, vm)
  for (const resource of await owned(job)) await cloud.inventory.remove(resource)
  expect(residueOf(subject.loopback, job)).toEqual([])
  await removeAll(subject, other)
})

test('a kind that nobody makes is refused by name', async () => {
  await expect(
    subject.cloud.inventory.remove({ region: subject.region, id: 'x', kind: 'castle', tags: {} }),
  ).rejects.toMatchObject({ code: 'unsupported', message: expect.stringContaining('castle') as string })
})
