import { expect, test } from 'vitest'
import { openSubject } from '#test/shared/clouds/aws/subject.ts'
import {
  intentOf,
  newJob,
  removeAll,
  residueOf,
  runVm,
  until,
} from '#test/shared/clouds/conformance/subject.ts'
import { subjectOfTest, useSubject } from '#test/shared/clouds/use-subject.ts'

const subject = useSubject(openSubject)

const make = (job: string, cidr: string) =>
  subject.cloud.networks.create({ ...intentOf(job), region: subject.region, name: 'made', cidr })

test('the main route table of a new VPC leads to its own gateway', async () => {
  const job = newJob()
  const network = await make(job, '10.50.0.0/16')
  const { RouteTables = [] } = await subject.ec2.describeRouteTables({
    Filters: [{ Name: 'vpc-id', Values: [network.id] }],
  })
  const ways = RouteTables[0]?.Routes?.map(({ DestinationCidrBlock, State }) => [DestinationCidrBlock, State])
  expect(ways).toEqual([
    ['10.50.0.0/16', 'active'],
    ['0.0.0.0/0', 'active'],
  ])
  await subject.cloud.networks.delete(network)
  expect(residueOf(subject.loopback, job)).toEqual([])
})

test('a network that still holds something keeps its gateway when its deletion is refused', async () => {
  const { cloud } = subject
  const job = newJob()
  const network = await make(job, '10.51.0.0/16')
  const wishes = { network, name: 'front', cidr: '10.51.1.0/24' }
  const subnet = await cloud.networks.subnets.create({ ...intentOf(job), ...wishes })
  await expect(cloud.networks.delete(network)).rejects.toMatchObject({
    code: 'conflict',
    retryable: true,
    message: expect.stringContaining(subnet.id) as string,
  })
  const gateways = () => residueOf(subject.loopback, job).filter(({ kind }) => kind === 'gateway')
  expect(gateways()).toMatchObject([{ state: 'attached' }])
  await cloud.networks.subnets.delete(subnet)
  await cloud.networks.delete(network)
  expect(residueOf(subject.loopback, job)).toEqual([])
})

test('the network that every account finds is listed as the default one, with a subnet for each zone', async () => {
  const networks = await Array.fromAsync(subject.cloud.networks.list({ region: subject.region }))
  const standard = networks.filter(({ isDefault }) => isDefault)
  expect(standard).toHaveLength(1)
  expect(standard[0]?.cidrs).toEqual(['172.31.0.0/16'])
  expect(standard[0]?.subnets.map(({ zone }) => zone).toSorted()).toEqual([
    'us-east-1a',
    'us-east-1b',
    'us-east-1c',
  ])
})

test('an address that leads to another VM is led away from there, and takes the place of the one that is there', async () => {
  const { cloud, region } = subject
  const job = newJob()
  const { addresses } = cloud.networks
  const [one, other] = [
    await addresses.create({ ...intentOf(job), region, name: 'one' }),
    await addresses.create({ ...intentOf(job), region, name: 'other' }),
  ]
  const [first, second] = [await runVm(subject, job), await runVm(subject, job)]
  await addresses.associate(one, first)
  await addresses.associate(one, second)
  expect(await addresses.get(one)).toMatchObject({ vm: second.id })
  await addresses.associate(other, second)
  expect((await addresses.get(one))?.vm).toBeUndefined()
  await until('the VM to have it', async () => {
    const vm = await cloud.compute.get(second)
    return vm?.publicIp === (await addresses.get(other))?.ip
  })
  await removeAll(subject, job)
})

test('one address more than the account may have is over its quota, and says what to do', async () => {
  const limited = await subjectOfTest(openSubject({ addressQuota: 1 }))
  const { cloud, region } = limited
  const allocate = () => cloud.networks.addresses.create({ ...intentOf(newJob()), region, name: 'one' })
  await allocate()
  await expect(allocate()).rejects.toMatchObject({
    code: 'quota_exceeded',
    vendorCode: 'AddressLimitExceeded',
    remedy: expect.stringContaining('quota') as string,
  })
})
