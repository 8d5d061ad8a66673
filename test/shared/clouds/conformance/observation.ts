import { afterAll, describe, expect, test } from 'vitest'
import type { CloudVm, Quota } from '#shared/clouds/port.ts'
import { newJob, removeAll, runVm, until, type Subject } from '#test/shared/clouds/conformance/subject.ts'
import { can } from '#test/shared/clouds/conformance/things.ts'

const minuteMs = 60_000

/** Metrics, quotas and prices. `subject` is filled before the tests run. */
export function observation(subject: Subject): void {
  describe('metrics', () => {
    const job = newJob()
    afterAll(() => removeAll(subject, job))

    const query = ({ metrics }: Subject['cloud'], vm: CloudVm, periodS: number) => {
      const nowMs = Math.floor(Date.now() / (periodS * 1000)) * periodS * 1000
      const range = { from: new Date(nowMs - 3_600_000), to: new Date(nowMs + periodS * 1000) }
      return { ...range, series: () => metrics.vm(vm, { ...range, periodS, metrics: metrics.offered }) }
    }

    test.for([60, 300])('a running VM has a series for each metric, every %i seconds', async (periodS) => {
      const { cloud } = subject
      const vm = await runVm(subject, job)
      const { from, to, series } = query(cloud, vm, periodS)
      const seen = await until('the VM to be metered', async () => {
        const all = await series()
        return all.some(({ metric, points }) => metric === 'cpu_percent' && points.length > 0) && all
      })
      expect(seen.map(({ metric }) => metric)).toEqual([...cloud.metrics.offered])
      for (const { metric, points } of seen) {
        const times = points.map(({ at }) => at.getTime())
        expect(times).toEqual([...new Set(times)].toSorted((a, b) => a - b))
        for (const { at, value } of points) {
          expect(at.getTime() % (periodS * 1000)).toBe(0)
          expect(at >= from && at < to).toBe(true)
          expect(value).toBeGreaterThanOrEqual(0)
          expect(value).toBeLessThanOrEqual(metric.endsWith('percent') ? 100 : Number.MAX_SAFE_INTEGER)
        }
      }
    })

    test('a time before the VM was there is an empty series, not an error', async () => {
      const { cloud } = subject
      const vm = await runVm(subject, job)
      const nowMs = Math.floor(Date.now() / minuteMs) * minuteMs
      const from = new Date(nowMs - 48 * 3_600_000)
      const series = await cloud.metrics.vm(vm, {
        from,
        to: new Date(from.getTime() + 3_600_000),
        periodS: 300,
        metrics: ['cpu_percent'],
      })
      expect(series).toEqual([{ metric: 'cpu_percent', points: [] }])
    })
  })

  describe('quotas', () => {
    const job = newJob()
    afterAll(() => removeAll(subject, job))

    test('what is used is within the limit, and a VM raises it', async () => {
      const { cloud, region } = subject
      const before = await cloud.quotas.list(region)
      expect(before.length).toBeGreaterThan(0)
      expect(new Set(before.map(({ id }) => id)).size).toBe(before.length)
      for (const { limit, used = 0, name, unit } of before) {
        expect(used).toBeLessThanOrEqual(limit)
        expect([name, unit].every((text) => /\S/.test(text))).toBe(true)
      }
      const sizes = await cloud.compute.sizes(region)
      const vcpus = sizes.find(({ name }) => name === subject.dialect.instanceType)?.vcpus ?? 0
      await runVm(subject, job)
      const raised = await until('the used vCPUs to rise', async () => {
        const after = usedVcpus(await cloud.quotas.list(region))
        return after.some((used, index) => used > (usedVcpus(before)[index] ?? 0)) && after
      })
      expect(Math.max(...raised.map((used, index) => used - (usedVcpus(before)[index] ?? 0)))).toBe(vcpus)
    })
  })

  describe('prices', () => {
    test('a size has a price on demand, and at the spot price one that is no higher', async () => {
      const { cloud, region, dialect } = subject
      const prices = await Array.fromAsync(cloud.prices.list({ region, skus: [dialect.instanceType] }))
      for (const { price, sku, asOf, region: of } of prices) {
        expect(price.amount).toMatch(/^\d+(\.\d+)?$/)
        expect(price.currency).toBe('USD')
        expect({ sku, region: of }).toEqual({ sku: dialect.instanceType, region })
        expect(asOf).toBeInstanceOf(Date)
      }
      const [onDemand, ...more] = prices.filter(({ model }) => model === 'on_demand')
      expect(onDemand).toMatchObject({ kind: 'vm', unit: 'hour' })
      expect(more).toEqual([])
      const full = Number(onDemand?.price.amount)
      expect(full).toBeGreaterThan(0)
      const spot = prices.filter(({ model }) => model === 'spot')
      expect(spot.length > 0).toBe(can(subject, 'prices.list.spot'))
      for (const { price } of spot) expect(Number(price.amount)).toBeLessThanOrEqual(full)
    })

    test('without a choice there are prices of many sizes and of volumes, each once', async () => {
      const { cloud, region } = subject
      const prices = await Array.fromAsync(cloud.prices.list({ region }))
      const keys = prices.map(({ sku, model, zone }) => [sku, model, zone].join('|'))
      expect(new Set(keys).size).toBe(keys.length)
      expect(new Set(prices.filter(({ kind }) => kind === 'vm').map(({ sku }) => sku)).size).toBeGreaterThan(
        10,
      )
      expect(prices.some(({ kind, unit }) => kind === 'volume' && unit === 'gib_month')).toBe(true)
    })
  })
}

/** By quota, in order, of those that count vCPUs. */
const usedVcpus = (quotas: readonly Quota[]): number[] =>
  quotas.filter(({ kind }) => kind === 'vcpus').map(({ used = 0 }) => used)
