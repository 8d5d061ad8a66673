import { randomUUID } from 'node:crypto'
import { expect, test } from 'vitest'
import { idFor } from '#shared/clouds/onprem/ids.ts'
import { createMachineNetworks } from '#shared/clouds/onprem/networks/machines.ts'
import { createNetworks } from '#shared/clouds/onprem/networks/networks.ts'
import { defaultCidr } from '#shared/clouds/onprem/networks/places.ts'
import type { SecurityRule } from '#shared/clouds/port.ts'
import { openSiteOfTest, owner, vmRecord } from '#test/shared/clouds/onprem/site.ts'

const region = 'lab'
const intent = () => ({ token: randomUUID(), tags: owner })

test('a location has a default network, and one for each bridge of its hosts', async () => {
  const site = await openSiteOfTest({ hosts: [{ bridges: ['br0'] }, { bridges: ['br0', 'br1'] }] })
  const networks = createNetworks(site)
  const listed = await Array.fromAsync(networks.list({ region }))
  expect(listed.map(({ name, cidrs, isDefault }) => ({ name, cidrs, isDefault }))).toEqual([
    { name: 'default', cidrs: [defaultCidr], isDefault: true },
    { name: 'br0', cidrs: [], isDefault: false },
    { name: 'br1', cidrs: [], isDefault: false },
  ])
  const ids = listed.flatMap(({ id, subnets }) => [id, ...subnets.map((subnet) => subnet.id)])
  expect(new Set(ids).size).toBe(6)
  for (const network of listed) {
    await expect(networks.delete(network)).rejects.toMatchObject({ code: 'invalid_request' })
    await expect(
      networks.subnets.create({ ...intent(), network, name: 'part', cidr: '10.213.1.0/24' }),
    ).rejects.toMatchObject({ code: 'invalid_request' })
  }
})

test.each(['10.20.0.0', '10.20.0.1/16', '10.0.0.0/7', '10.20.0.0/30', '2001:db8::/64'])(
  'the range %s is refused, naming the field and what to give',
  async (cidr) => {
    const networks = createNetworks(await openSiteOfTest())
    await expect(networks.create({ ...intent(), region, name: 'wrong', cidr })).rejects.toMatchObject({
      code: 'invalid_request',
      details: { field: 'cidr' },
      remedy: expect.stringMatching(/\d\./) as string,
    })
  },
)

test('subnets that are made at the same time do not overlap', async () => {
  const site = await openSiteOfTest()
  const network = { region, id: idFor('net', 'one') }
  await site.homeOf(region).records.put('network', network.id, {
    name: 'one',
    tags: owner,
    createdAt: new Date().toISOString(),
    kind: 'user',
    cidr: '10.20.0.0/16',
  })
  const networks = createNetworks(site)
  const make = (cidr: string) => networks.subnets.create({ ...intent(), network, name: cidr, cidr })
  const made = await Promise.allSettled([make('10.20.1.0/24'), make('10.20.1.0/25'), make('10.20.0.0/20')])
  expect(made.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
  expect((await networks.get(network))?.subnets).toHaveLength(1)
  await expect(make('10.21.0.0/24')).rejects.toMatchObject({ code: 'invalid_request' })
  await expect(networks.delete(network)).rejects.toMatchObject({ code: 'conflict', retryable: true })
})

test('what a machine names is looked up before anything is made', async () => {
  const site = await openSiteOfTest({ hosts: [{ bridges: ['br0'] }] })
  const { securityGroups, list } = createNetworks(site)
  const machines = createMachineNetworks(site)
  const group = (name: string, rules: SecurityRule[]) =>
    securityGroups.create({ ...intent(), region, name, description: name, rules })
  const egress = (cidr: string): SecurityRule => ({ direction: 'egress', protocol: 'any', cidrs: [cidr] })
  const web = await group('web', [])
  await group('caged', [egress('10.0.0.0/8')])
  await group('open', [egress('0.0.0.0/0')])

  expect(await machines.plan({ region, securityGroups: ['web', web.id] })).toMatchObject({
    kind: 'user',
    cidr: defaultCidr,
    securityGroups: [web.id, web.id],
  })
  await machines.plan({ region, securityGroups: ['open'] })
  // A user-mode network lets everything out; a bridge has filters.
  await expect(machines.plan({ region, securityGroups: ['caged'] })).rejects.toMatchObject({
    code: 'unsupported',
  })
  const bridge = (await Array.fromAsync(list({ region }))).find(({ name }) => name === 'br0')
  const subnet = bridge?.subnets[0]?.id ?? ''
  expect(await machines.plan({ region, subnet, securityGroups: ['caged'] })).toMatchObject({
    kind: 'bridge',
    bridge: 'br0',
  })
  await expect(machines.plan({ region, securityGroups: ['none'] })).rejects.toMatchObject({
    code: 'not_found',
  })
  await expect(machines.plan({ region, subnet: 'subnet-none' })).rejects.toMatchObject({ code: 'not_found' })
})

test('a group in use is kept, wherever its VM is', async () => {
  const site = await openSiteOfTest()
  const { securityGroups } = createNetworks(site)
  const ref = await securityGroups.create({ ...intent(), region, name: 'g', description: 'g', rules: [] })
  const vm = randomUUID()
  const beta = site.byZone('beta')
  await beta?.records.put('vm', vm, vmRecord({ securityGroups: [ref.id] }))
  await expect(securityGroups.delete(ref)).rejects.toMatchObject({ code: 'conflict', retryable: true })
  await beta?.records.remove('vm', vm)
  await securityGroups.delete(ref)
  expect(await securityGroups.get(ref)).toBeUndefined()
})

test('each public address is given once, however many ask, and when all are given it says so', async () => {
  const site = await openSiteOfTest({
    hosts: [{}, { location: 'attic' }],
    options: { addresses: ['203.0.113.1', '203.0.113.2', '203.0.113.3'] },
  })
  const { addresses } = createNetworks(site)
  const made = await Promise.allSettled(
    ['lab', 'attic', 'lab', 'attic'].map((at) => addresses.create({ ...intent(), region: at, name: 'a' })),
  )
  const refs = made.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []))
  const ips = await Promise.all(refs.map(async (ref) => (await addresses.get(ref))?.ip ?? ''))
  expect(ips.toSorted()).toEqual(['203.0.113.1', '203.0.113.2', '203.0.113.3'])
  const refusals = made.flatMap((each) => (each.status === 'rejected' ? [each.reason as unknown] : []))
  expect(refusals).toEqual([expect.objectContaining({ code: 'quota_exceeded', kind: 'capacity' })])
  const [first] = refs
  if (first) await addresses.delete(first)
  const again = await addresses.create({ ...intent(), region: 'lab', name: 'again' })
  expect((await addresses.get(again))?.ip).toBe(ips[0])
})
