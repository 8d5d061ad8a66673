import { expect, test } from 'vitest'
import type { Intent } from '#shared/clouds/port.ts'
import { runningClock } from '#test/clouds/core/clock.ts'
import { openSubject } from '#test/shared/clouds/aws/subject.ts'
import { intentOf, newJob, removeAll, residueOf, runVm } from '#test/shared/clouds/conformance/subject.ts'
import { useSubject } from '#test/shared/clouds/use-subject.ts'

const clock = runningClock()
const subject = useSubject(() => openSubject({ clock }))

/** The tags of an intent, as a worker that died right after its call left them. */
const tagged = <Kind extends string>(ResourceType: Kind, { tags, token }: Intent) => [
  {
    ResourceType,
    Tags: Object.entries({ ...tags, 'novacron-token': token }).map(([Key, Value]) => ({ Key, Value })),
  },
]
const idsOf = (job: string, kind: string) =>
  residueOf(subject.loopback, job)
    .filter((each) => each.kind === kind)
    .map(({ id }) => id)

test('of two VPCs of one intent, and two gateways, one each is left, and every call gives the same', async () => {
  const { cloud, region } = subject
  const job = newJob()
  const intent = intentOf(job)
  for (const _ of [1, 2]) {
    await subject.ec2.createVpc({ CidrBlock: '10.40.0.0/16', TagSpecifications: tagged('vpc', intent) })
    await subject.ec2.createInternetGateway({ TagSpecifications: tagged('internet-gateway', intent) })
  }
  clock.advance(50)
  const request = { ...intent, region, name: 'once', cidr: '10.40.0.0/16' }
  const network = await cloud.networks.create(request)
  expect(await cloud.networks.create(request)).toEqual(network)
  expect(idsOf(job, 'network')).toEqual([network.id])
  expect(idsOf(job, 'gateway')).toHaveLength(1)
  await removeAll(subject, job)
})

test('of two addresses of one intent one is left', async () => {
  const { cloud, region } = subject
  const job = newJob()
  const intent = intentOf(job)
  for (const _ of [1, 2])
    await subject.ec2.allocateAddress({ TagSpecifications: tagged('elastic-ip', intent) })
  clock.advance(50)
  const address = await cloud.networks.addresses.create({ ...intent, region, name: 'once' })
  expect(idsOf(job, 'address')).toEqual([address.id])
  await removeAll(subject, job)
})

test('a second address that was put to use meanwhile is spared', async () => {
  const { cloud, region } = subject
  const [job, other] = [newJob(), newJob()]
  const intent = intentOf(job)
  for (const _ of [1, 2])
    await subject.ec2.allocateAddress({ TagSpecifications: tagged('elastic-ip', intent) })
  clock.advance(50)
  const [, second = ''] = idsOf(job, 'address').toSorted()
  const vm = await runVm(subject, other)
  await subject.ec2.associateAddress({ AllocationId: second, InstanceId: vm.id })
  const address = await cloud.networks.addresses.create({ ...intent, region, name: 'once' })
  expect(idsOf(job, 'address').toSorted()).toEqual([address.id, second])
  await removeAll(subject, job)
  await removeAll(subject, other)
})

test('a subnet and a group of an intent that died are taken up, and completed', async () => {
  const { cloud, region } = subject
  const job = newJob()
  const network = await cloud.networks.create({
    ...intentOf(job),
    region,
    name: 'around',
    cidr: '10.41.0.0/16',
  })
  const [subnetIntent, groupIntent] = [intentOf(job), intentOf(job)]
  const VpcId = network.id
  const { Subnet } = await subject.ec2.createSubnet({
    VpcId,
    CidrBlock: '10.41.1.0/24',
    TagSpecifications: tagged('subnet', subnetIntent),
  })
  const { GroupId } = await subject.ec2.createSecurityGroup({
    VpcId,
    GroupName: 'web',
    Description: 'web',
    TagSpecifications: tagged('security-group', groupIntent),
  })
  // Not visible yet: only the refusal of a second one tells of them.
  const subnet = await cloud.networks.subnets.create({
    ...subnetIntent,
    network,
    name: 'front',
    cidr: '10.41.1.0/24',
  })
  expect(subnet.id).toBe(Subnet?.SubnetId)
  const { Subnets = [] } = await subject.ec2.describeSubnets({ SubnetIds: [subnet.id] })
  expect(Subnets[0]?.MapPublicIpOnLaunch).toBe(true)
  const group = await cloud.networks.securityGroups.create({
    ...groupIntent,
    region,
    network,
    name: 'web',
    description: 'web',
    rules: [],
  })
  expect(group.id).toBe(GroupId)
  await removeAll(subject, job)
})

test('a name or range that somebody else has is a conflict, and theirs is left alone', async () => {
  const { cloud, region } = subject
  const job = newJob()
  const network = await cloud.networks.create({
    ...intentOf(job),
    region,
    name: 'shared',
    cidr: '10.42.0.0/16',
  })
  const subnet = { network, name: 'front', cidr: '10.42.1.0/24' }
  const group = { region, network, name: 'web', description: '', rules: [] }
  const first = await cloud.networks.subnets.create({ ...intentOf(job), ...subnet })
  await cloud.networks.securityGroups.create({ ...intentOf(job), ...group })
  const taken = { code: 'conflict', kind: 'permanent' }
  await expect(cloud.networks.subnets.create({ ...intentOf(job), ...subnet })).rejects.toMatchObject(taken)
  await expect(cloud.networks.securityGroups.create({ ...intentOf(job), ...group })).rejects.toMatchObject(
    taken,
  )
  expect((await cloud.networks.get(network))?.subnets.map(({ id }) => id)).toEqual([first.id])
  await removeAll(subject, job)
})
