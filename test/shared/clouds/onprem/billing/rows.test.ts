import { describe, expect, test } from 'vitest'
import { createBilling } from '#shared/clouds/onprem/billing/billing.ts'
import {
  forgetMachine,
  forgetSnapshot,
  forgetVolume,
  pruneUsage,
} from '#shared/clouds/onprem/billing/usage.ts'
import type { Host, Site } from '#shared/clouds/onprem/hosts.ts'
import { createPrices } from '#shared/clouds/onprem/prices/prices.ts'
import { createQuotas } from '#shared/clouds/onprem/quotas/quotas.ts'
import type { SnapshotRecord, VolumeRecord } from '#shared/clouds/onprem/records.ts'
import { findHypervisor } from '#test/clouds/core/hypervisor.ts'
import { openSiteOfTest, owner, vmRecord } from '#test/shared/clouds/onprem/site.ts'

const hypervisor = await findHypervisor()

/** 7008 / 48 / 730 + 0.4 × 0.25 + 73 / 730: 0.40 an hour, 9.60 a day. */
const cost = {
  hardware: '7008',
  amortise_months: 48,
  power_watts: 400,
  power_price_per_kwh: '0.25',
  space_per_month: '73',
  storage_per_gib_month: '0.073',
  since: '2026-05-02',
}
const day = (text: string) => new Date(`2026-05-${text}T00:00:00Z`)
const volume = (changes: Partial<VolumeRecord> = {}): VolumeRecord => ({
  name: 'data',
  tags: owner,
  createdAt: '2026-05-10T14:00:00.000Z',
  pool: 'default',
  sizeBytes: 100 * 2 ** 30,
  type: 'ssd',
  format: 'qcow2',
  state: 'available',
  ...changes,
})
const firstOf = ({ hosts }: Site): Host => {
  const [host] = hosts
  if (!host) throw new Error('there is a host')
  return host
}

// What hosts can give away is asked of their hypervisors.
describe.skipIf('reason' in hypervisor)(
  `the bill of hosts${'reason' in hypervisor ? ` (${hypervisor.reason})` : ''}`,
  () => {
    const open = (hosts: Record<string, unknown>[] = [{ cost }]) => openSiteOfTest({ hosts })
    const rows = async (site: Site, from: string, to: string) => {
      const all = await Array.fromAsync(createBilling(site).rows({ from: day(from), to: day(to) }))
      return all.map((row) => [
        row.ChargePeriodStart.toISOString().slice(8, 10),
        row.ResourceId,
        row.ServiceName,
        row.BilledCost,
        row.ConsumedQuantity,
      ])
    }

    test('a day is what its VMs had of the host and what nobody had, and its volumes by size and time', async () => {
      const site = await open()
      const { records } = firstOf(site)
      // A quarter of the vCPUs and an eighth of the memory for half the day: 4.80 / 8 + 4.80 / 16.
      const powered = [{ on: '2026-05-09T12:00:00Z', off: '2026-05-10T12:00:00Z' }]
      await records.put('vm', 'vm-1', vmRecord({ vcpus: 4, memoryMib: 4096, powered }))
      await records.put('volume', 'vol-1', volume())
      expect(await rows(site, '10', '11')).toEqual([
        ['10', 'vm-1', 'Virtual machines', '0.9', '12'],
        ['10', 'alpha', 'Idle capacity', '8.7', undefined],
        ['10', 'vol-1', 'Volumes', '0.1', '1000'],
      ])
      expect((await rows(site, '08', '09')).map(([, , , amount]) => amount)).toEqual(['9.6'])
    })

    test('what was deleted is on the bill of the days that it was there, once, and as it was', async () => {
      const site = await open()
      const host = firstOf(site)
      const gone = vmRecord({
        vcpus: 16,
        memoryMib: 32_768,
        powered: [{ on: '2026-05-10T00:00:00Z', off: '2026-05-11T00:00:00Z' }],
      })
      await host.records.put('metrics', 'vm-1', { last: [], samples: [] })
      await forgetMachine(host, 'vm-1', gone)
      await forgetMachine(host, 'vm-1', gone)
      await forgetVolume(host, 'vol-1', volume())
      await forgetVolume(host, 'vol-1', volume())
      expect(await host.records.list('metrics')).toEqual([])
      expect(await rows(site, '10', '12')).toEqual([
        ['10', 'vm-1', 'Virtual machines', '9.6', '24'],
        ['10', 'vol-1', 'Volumes', '0.1', '1000'],
        ['11', 'alpha', 'Idle capacity', '9.6', undefined],
        ['11', 'vol-1', 'Volumes', '0.24', '2400'],
      ])
      await pruneUsage(host, Date.now() + 390 * 86_400_000)
      expect(await host.records.list('usage')).toHaveLength(2)
      await pruneUsage(host, Date.now() + 400 * 86_400_000)
      expect(await host.records.list('usage')).toEqual([])
    })

    test('a snapshot is billed by what its file takes up, at each host for its time there, and as long as the file is kept', async () => {
      const site = await open([{ cost }, { cost }])
      const [alpha, beta] = site.hosts
      if (!alpha || !beta) throw new Error('there are two hosts')
      const snapshot: SnapshotRecord = {
        name: 'nightly',
        tags: owner,
        createdAt: '2026-05-10T14:00:00.000Z',
        volume: 'vol-1',
        pool: 'default',
        sizeBytes: 500 * 2 ** 30,
        storedBytes: 100 * 2 ** 30,
        state: 'ready',
      }
      const deleted = { ...snapshot, deleted: true, storedBytes: 50 * 2 ** 30 }
      await alpha.records.put('snapshot', 'snap-1', deleted)
      await beta.records.put('snapshot', 'snap-2', { ...snapshot, arrivedAt: '2026-05-10T19:00:00.000Z' })
      await forgetSnapshot(alpha, 'snap-2', snapshot)
      await forgetSnapshot(alpha, 'snap-2', snapshot)
      const own = async () => (await rows(site, '10', '11')).filter(([, id]) => String(id).startsWith('snap'))
      // Not on the bill: what is on its way, and what is not ready.
      await beta.records.put('snapshot', 'snap-1', { ...deleted, arriving: 'whole' })
      const { storedBytes: _, ...pending } = snapshot
      await beta.records.put('snapshot', 'snap-3', { ...pending, state: 'pending' })
      expect(await own()).toEqual([
        ['10', 'snap-1', 'Snapshots', '0.05', '500'],
        // It has left, as this test runs, long after that day.
        ['10', 'snap-2', 'Snapshots', '0.1', '1000'],
        ['10', 'snap-2', 'Snapshots', '0.05', '500'],
      ])
    })

    test('a VM that moved is billed at each host for its time there', async () => {
      const site = await open([{ cost }, { cost }])
      const [alpha, beta] = site.hosts
      if (!alpha || !beta) throw new Error('there are two hosts')
      const size = { vcpus: 16, memoryMib: 32_768 }
      const before = [{ on: '2026-05-10T00:00:00Z', off: '2026-05-10T12:00:00Z' }]
      await forgetMachine(alpha, 'vm-1', vmRecord({ ...size, powered: before }))
      const after = [{ on: '2026-05-10T12:00:00Z', off: '2026-05-10T18:00:00Z' }]
      await beta.records.put('vm', 'vm-1', vmRecord({ ...size, powered: after }))
      // While it moves, it is on record at both.
      await alpha.records.put('vm', 'vm-2', vmRecord({ ...size, powered: before, phase: 'arriving' }))
      const own = (await rows(site, '10', '11')).filter(([, id]) => id !== 'alpha' && id !== 'beta')
      expect(own).toEqual([
        ['10', 'vm-1', 'Virtual machines', '4.8', '12'],
        ['10', 'vm-1', 'Virtual machines', '2.4', '6'],
      ])
    })

    test('before a host costs, after its hardware is written off, and in the future nothing is charged for them', async () => {
      const site = await open([{ cost: { ...cost, amortise_months: 1, power_watts: 0 } }])
      expect(await rows(site, '01', '02')).toEqual([])
      const [first] = await rows(site, '02', '03')
      // 7008 a month and 73 for space, by 730 hours.
      expect(first?.[3]).toBe('232.8')
      const june = createBilling(site).rows({ from: day('31'), to: new Date('2026-06-03T00:00:00Z') })
      expect((await Array.fromAsync(june)).map(({ BilledCost }) => BilledCost)).toEqual([
        '232.8',
        '232.8',
        '2.4',
      ])
      const nextYear = { from: new Date('2126-01-01T00:00:00Z'), to: new Date('2126-01-03T00:00:00Z') }
      expect(await Array.fromAsync(createBilling(site).rows(nextYear))).toEqual([])
    })

    test('a host whose settings say nothing costs from the day on that it was seen', async () => {
      const { since: _, ...unknown } = cost
      const site = await open([{ cost: unknown }])
      expect(await rows(site, '10', '12')).toEqual([])
      const today = new Date(Math.floor(Date.now() / 86_400_000) * 86_400_000)
      const found = createBilling(site).rows({ from: today, to: new Date(today.getTime() + 86_400_000) })
      expect(await Array.fromAsync(found)).toHaveLength(1)
    })

    test('prices follow the hosts’ costs, and quotas what they can give away', async () => {
      const site = await open([{ cost }, { cost: { ...cost, storage_per_gib_month: '0.027' } }])
      await firstOf(site).records.put('vm', 'vm-1', vmRecord({ vcpus: 3, memoryMib: 3000 }))
      const list = (skus?: string[]) =>
        Array.fromAsync(createPrices(site).list({ region: 'lab', ...(skus ? { skus } : {}) }))
      // 2 of 16 vCPUs for 0.20, and 4 of 32 GiB for 0.20.
      const [medium] = await list(['medium'])
      expect(medium).toMatchObject({
        sku: 'medium',
        price: { amount: '0.05', currency: 'USD' },
        unit: 'hour',
      })
      expect((await list(['custom-16-32768', 'qcow2', 'no-such'])).map(({ price }) => price.amount)).toEqual([
        '0.4',
        '0.05',
      ])
      const quotas = await createQuotas(site).list('lab')
      expect(quotas).toContainEqual(expect.objectContaining({ id: 'vcpus', limit: 32, used: 3 }))
      expect(quotas).toContainEqual(expect.objectContaining({ id: 'memory', limit: 65_536, used: 3000 }))
    })
  },
)
