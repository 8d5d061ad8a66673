import fc from 'fast-check'
import { expect, test } from 'vitest'
import { decimalOfUnits, fraction, times, unitsOf } from '#shared/fractions.ts'
import { billPlaces, overlapMs, shareOut, storageCost } from '#shared/clouds/onprem/billing/shares.ts'

const hourMs = 3_600_000
const day = { fromMs: 0, toMs: 24 * hourMs }
const amount = (units: bigint) => decimalOfUnits(units, billPlaces)
const on = (from: number, to: number) => ({ fromMs: from * hourMs, toMs: to * hourMs })

test('each VM pays for what it had while it was on, and the rest is idle', () => {
  const host = { hourly: fraction('0.4'), memoryShare: 0.5, vcpus: 16, memoryMib: 32_768 }
  const { shares, idle } = shareOut(host, day, [
    // A quarter of the vCPUs for half the day: 4.80 / 8; half of the memory for half the day: 4.80 / 4.
    { vcpus: 4, memoryMib: 16_384, powered: [on(0, 12)] },
    // An eighth of both, all day, and before and after it: 9.60 / 8.
    { vcpus: 2, memoryMib: 4096, powered: [on(-5, 30)] },
    { vcpus: 16, memoryMib: 32_768, powered: [] },
  ])
  expect(shares.map(amount)).toEqual(['1.8', '1.2', '0'])
  expect(amount(idle)).toBe('6.6')
})

test('a host that gave away more than it has now is paid by its VMs alone', () => {
  const host = { hourly: fraction('1'), memoryShare: 0, vcpus: 2, memoryMib: 64 }
  const { shares, idle } = shareOut(host, day, [
    { vcpus: 3, memoryMib: 64, powered: [on(0, 24)] },
    { vcpus: 1, memoryMib: 0, powered: [on(0, 24)] },
  ])
  expect(shares.map(amount)).toEqual(['18', '6'])
  expect(idle).toBe(0n)
})

test('all shares and the idle rest are exactly what the host cost, whatever was on it', () => {
  const span = fc.tuple(fc.integer({ min: -30, max: 60 }), fc.integer({ min: 0, max: 50 }))
  const tenant = fc.record({
    vcpus: fc.integer({ min: 1, max: 64 }),
    memoryMib: fc.integer({ min: 16, max: 100_000 }),
    powered: fc.array(
      span.map(([from, length]) => ({ fromMs: from * 1_700_000, toMs: (from + length) * 1_700_000 })),
      { maxLength: 5 },
    ),
  })
  const host = fc.record({
    hourly: fc.tuple(fc.nat(), fc.integer({ min: 1, max: 999_983 })).map(([parts, of]) => ({
      parts: BigInt(parts),
      of: BigInt(of),
    })),
    memoryShare: fc.integer({ min: 0, max: 1000 }).map((share) => share / 1000),
    vcpus: fc.integer({ min: 1, max: 512 }),
    memoryMib: fc.integer({ min: 64, max: 2 ** 20 }),
  })
  fc.assert(
    fc.property(host, fc.array(tenant, { maxLength: 12 }), (of, tenants) => {
      const { shares, idle } = shareOut(of, day, tenants)
      const total = shares.reduce((sum, share) => sum + share, idle)
      expect(total).toBe(unitsOf(times(of.hourly, fraction(24)), billPlaces))
      expect([...shares, idle].every((share) => share >= 0n)).toBe(true)
    }),
  )
})

test('times that overlap or lie outside are counted once and not at all', () => {
  expect(overlapMs([on(1, 3), on(2, 4), on(2, 3), on(-4, -1), on(23, 30)], day)).toBe(4 * hourMs)
  expect(overlapMs([on(5, 5), on(7, 6)], day)).toBe(0)
})

test('a volume costs by its size and the time that it was there', () => {
  // 100 GiB at 0.073 a month of 730 hours, for 10 hours.
  expect(amount(storageCost('0.073', 100 * 2 ** 30, 10 * hourMs))).toBe('0.1')
})
