import { afterAll, describe, expect, test } from 'vitest'
import type { FocusRow } from '#shared/clouds/port.ts'
import { newJob, removeAll, runVm, until, type Subject } from '#test/shared/clouds/conformance/subject.ts'
import { can } from '#test/shared/clouds/conformance/things.ts'

const dayMs = 86_400_000
const decimals = 20

/** Columns that FOCUS 1.2 wants in every row; those that may be null are left out. */
const mandatory = [
  'BilledCost',
  'EffectiveCost',
  'ListCost',
  'ContractedCost',
  'BillingCurrency',
  'BillingAccountId',
  'BillingPeriodStart',
  'BillingPeriodEnd',
  'ChargePeriodStart',
  'ChargePeriodEnd',
  'ChargeCategory',
  'ChargeFrequency',
  'ProviderName',
  'PublisherName',
  'InvoiceIssuerName',
  'ServiceCategory',
  'ServiceName',
  'Tags',
] as const satisfies (keyof FocusRow)[]

/** Billing rows in FOCUS form. `subject` is filled before the tests run. */
export function billing(subject: Subject): void {
  describe('billing', () => {
    const job = newJob()
    afterAll(() => removeAll(subject, job))
    const today = new Date(Math.floor(Date.now() / dayMs) * dayMs)
    const day = (offset: number) => new Date(today.getTime() + offset * dayMs)
    const rows = (from: Date, to: Date) => Array.fromAsync(subject.cloud.billing.rows({ from, to }))

    test('rows have every mandatory column, lie within the days asked for, and are of use', async ({
      skip,
    }) => {
      skip(!can(subject, 'billing.rows'), 'lacking')
      await runVm(subject, job)
      const found = await until('a charge to be billed', async () => {
        const all = await rows(day(-1), day(1))
        return all.length > 0 && all
      })
      for (const row of found) {
        expect(mandatory.filter((column) => row[column] === undefined)).toEqual([])
        expect(row.ChargePeriodStart >= day(-1) && row.ChargePeriodEnd <= day(1)).toBe(true)
        expect(row.ChargePeriodStart < row.ChargePeriodEnd).toBe(true)
        expect(row.BillingPeriodStart <= row.ChargePeriodStart).toBe(true)
        expect(row.BillingCurrency).toMatch(/^[A-Z]{3}$/)
        expect(row.ServiceCategory).toMatch(/^[A-Z]/)
      }
      expect(found.some(({ ServiceCategory }) => ServiceCategory === 'Compute')).toBe(true)
    })

    test('amounts are decimal strings, and two days are exactly the sum of each', async ({ skip }) => {
      skip(!can(subject, 'billing.rows'), 'lacking')
      // Days that are over: today's charges still grow.
      const [both, first, second] = [
        await rows(day(-3), day(-1)),
        await rows(day(-3), day(-2)),
        await rows(day(-2), day(-1)),
      ]
      expect(first.length).toBeGreaterThan(0)
      expect(both).toHaveLength(first.length + second.length)
      expect(sum(both)).toBe(sum(first) + sum(second))
    })

    test('a range that is not of whole days is refused as a mistake', async ({ skip }) => {
      skip(!can(subject, 'billing.rows'), 'lacking')
      await expect(rows(new Date(today.getTime() + 1), day(1))).rejects.toMatchObject({
        code: 'invalid_request',
      })
    })
  })
}

/** In units of 10^-20. @throws Error for what is no decimal string. */
const sum = (rows: readonly FocusRow[]): bigint =>
  rows.reduce((total, { BilledCost }) => total + exact(BilledCost), 0n)

function exact(amount: string): bigint {
  const [, sign, whole, fraction = ''] = /^(-?)(\d+)(?:\.(\d+))?$/.exec(amount) ?? []
  if (whole === undefined || fraction.length > decimals) throw new Error(`${amount} is no decimal string`)
  const units = BigInt(whole + fraction.padEnd(decimals, '0'))
  return sign === '-' ? -units : units
}
