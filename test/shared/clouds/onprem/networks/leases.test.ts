import { randomUUID } from 'node:crypto'
import { expect, test } from 'vitest'
import type { Site } from '#shared/clouds/onprem/hosts.ts'
import { leaseAddress, leaseMac, releaseLeases } from '#shared/clouds/onprem/networks/leases.ts'
import { openSiteOfTest, vmRecord } from '#test/shared/clouds/onprem/site.ts'

const small = { subnet: 'subnet-1', cidr: '10.20.1.0/29' }

async function addVm(site: Site, subnet = small): Promise<{ vm: string; subnet: string; cidr: string }> {
  const vm = randomUUID()
  await site.homeOf('lab').records.put('vm', vm, vmRecord())
  return { vm, ...subnet }
}

test('VMs that come at the same time get different addresses, and a full subnet says so', async () => {
  const site = await openSiteOfTest()
  const vms = await Promise.all([1, 2, 3, 4].map(() => addVm(site)))
  const given = await Promise.allSettled(vms.map((vm) => leaseAddress(site, 'lab', vm)))
  const addresses = given.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []))
  // Of eight the first four and the last are the network's own.
  expect(addresses.toSorted()).toEqual(['10.20.1.4', '10.20.1.5', '10.20.1.6'])
  expect(given.flatMap((each) => (each.status === 'rejected' ? [each.reason as unknown] : []))).toEqual([
    expect.objectContaining({ code: 'capacity', scope: 'region' }),
  ])
})

test('the same VM gets the same address again, and gives back what it had', async () => {
  const site = await openSiteOfTest()
  const wide = { subnet: 'subnet-2', cidr: '10.64.0.0/10' }
  const vm = await addVm(site, wide)
  const address = await leaseAddress(site, 'lab', vm)
  expect(await leaseAddress(site, 'lab', vm)).toBe(address)
  const { records } = site.homeOf('lab')
  expect(await records.list('lease')).toHaveLength(1)
  await releaseLeases(site, 'lab', vm.vm, { subnet: wide.subnet, address })
  await releaseLeases(site, 'lab', vm.vm, { subnet: wide.subnet, address })
  expect(await records.list('lease')).toEqual([])
  await leaseAddress(site, 'lab', vm)
  await releaseLeases(site, 'lab', vm.vm)
  expect(await records.list('lease')).toEqual([])
})

test('what a VM left behind that is not on record any more is given to others', async () => {
  const site = await openSiteOfTest()
  const gone = await Promise.all([1, 2, 3].map(() => addVm(site)))
  for (const vm of gone) await leaseAddress(site, 'lab', vm)
  for (const { vm } of gone) await site.homeOf('lab').records.remove('vm', vm)
  expect(await leaseAddress(site, 'lab', await addVm(site))).toMatch(/^10\.20\.1\.[456]$/)
})

test('hardware addresses are QEMU’s, the same each time, and on a bridge no two are the same', async () => {
  const site = await openSiteOfTest()
  const { vm } = await addVm(site)
  const mac = await leaseMac(site, 'lab', { vm, shared: true })
  expect(mac).toMatch(/^52:54:00(:[0-9a-f]{2}){3}$/)
  expect(await leaseMac(site, 'lab', { vm, shared: true })).toBe(mac)
  expect(await leaseMac(site, 'lab', { vm, shared: false })).toBe(mac)
  // Another VM has it: the next one is taken.
  const { records } = site.homeOf('lab')
  const [lease] = await records.list('lease')
  await records.put('lease', lease?.id ?? '', { vm: (await addVm(site)).vm })
  const next = (Number.parseInt(mac.slice(9).replaceAll(':', ''), 16) + 1) % 2 ** 24
  const other = await leaseMac(site, 'lab', { vm, shared: true })
  expect(Number.parseInt(other.slice(9).replaceAll(':', ''), 16)).toBe(next)
})
