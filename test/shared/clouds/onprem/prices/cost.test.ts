import fc from 'fast-check'
import { expect, test } from 'vitest'
import { fraction, plus, times, toDecimal } from '#shared/fractions.ts'
import { hourlyCost, rates, sizePrice, split } from '#shared/clouds/onprem/prices/cost.ts'
import type { HostCost } from '#shared/clouds/onprem/settings.ts'

const since = new Date('2026-01-31T00:00:00Z')
const day = (text: string) => new Date(`${text}T00:00:00Z`)

const cost: HostCost = {
  hardware: '7008',
  amortise_months: 48,
  power_watts: 400,
  power_price_per_kwh: '0.25',
  space_per_month: '73',
  memory_share: 0.5,
  storage_per_gib_month: '0.04',
}

test('an hour of a host is its hardware over all hours of its months, its power and its space', () => {
  // 7008 / 48 / 730 = 0.20; 400 W are 0.4 kWh at 0.25 = 0.10; 73 / 730 = 0.10
  expect(toDecimal(hourlyCost(cost, since, day('2026-06-01')), 20)).toBe('0.4')
})

test('what does not come out even is exact until it is written down', () => {
  const odd = { ...cost, hardware: '1000', amortise_months: 7, power_watts: 0, space_per_month: '0' }
  const hourly = hourlyCost(odd, since, day('2026-06-01'))
  expect(toDecimal(times(hourly, fraction(7 * 730)), 20)).toBe('1000')
  expect(toDecimal(hourly, 10)).toBe('0.1956947162')
})

test('hardware that is written off costs nothing any more, from the same day of the month on', () => {
  const year = { ...cost, amortise_months: 1 }
  // A month after 31 January is 28 February.
  expect(toDecimal(hourlyCost(year, since, day('2026-02-27')), 5)).toBe('9.8')
  expect(toDecimal(hourlyCost(year, since, day('2026-02-28')), 5)).toBe('0.2')
})

test('memory and vCPUs pay their parts, which are the whole', () => {
  const { vcpus, memory } = split(fraction('0.4'), 0.25)
  expect([toDecimal(vcpus, 9), toDecimal(memory, 9)]).toEqual(['0.3', '0.1'])
})

test('a size costs its part of what hosts can give away together', () => {
  // Together 0.40 + 0.20 an hour; 32 + 16 vCPUs for half of the first and a quarter of the second …
  const hosts = [
    { hourly: fraction('0.4'), memoryShare: 0.5, vcpus: 32, memoryMib: 65_536 },
    { hourly: fraction('0.2'), memoryShare: 0.75, vcpus: 16, memoryMib: 32_768 },
  ]
  const rate = rates(hosts)
  // … (0.20 + 0.05) / 48, and (0.20 + 0.15) / 96 GiB.
  expect(toDecimal(times(rate.vcpu, fraction(48)), 20)).toBe('0.25')
  expect(toDecimal(times(rate.gib, fraction(96)), 20)).toBe('0.35')
  // 2 vCPUs and 4 GiB: 0.0104166… + 0.0145833… = 0.025
  expect(toDecimal(sizePrice(rate, { vcpus: 2, memoryMib: 4096 }), 10)).toBe('0.025')
})

test('a VM as large as all hosts pays exactly what they cost', () => {
  const host = fc.record({
    hourly: fc.nat({ max: 1_000_000 }).map((cents) => fraction(cents / 100)),
    memoryShare: fc.integer({ min: 0, max: 100 }).map((percent) => percent / 100),
    vcpus: fc.integer({ min: 1, max: 1024 }),
    memoryMib: fc.integer({ min: 64, max: 2 ** 22 }),
  })
  fc.assert(
    fc.property(fc.array(host, { minLength: 1, maxLength: 8 }), (hosts) => {
      const all = {
        vcpus: hosts.reduce((sum, { vcpus }) => sum + vcpus, 0),
        memoryMib: hosts.reduce((sum, { memoryMib }) => sum + memoryMib, 0),
      }
      const total = hosts.map(({ hourly }) => hourly).reduce(plus)
      expect(toDecimal(sizePrice(rates(hosts), all), 10)).toBe(toDecimal(total, 10))
    }),
  )
})
