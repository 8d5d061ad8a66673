import { describe, expect, test } from 'vitest'
import { createBilling } from '#shared/clouds/gcp/billing/billing.ts'
import { focusRowOf } from '#shared/clouds/gcp/billing/focus.ts'
import { connect } from '#shared/clouds/gcp/client.ts'
import { parseGcpSettings } from '#shared/clouds/gcp/settings.ts'
import { openParts } from '#test/shared/clouds/gcp/parts.ts'
import { settingsFor } from '#test/shared/clouds/gcp/subject.ts'

const dayMs = 86_400_000
const today = Math.floor(Date.now() / dayMs) * dayMs
const lastWeek = { from: new Date(today - 7 * dayMs), to: new Date(today) }

describe('bills of Google Cloud', () => {
  test('hours of a resource are one row a day, with its credits taken off', async () => {
    const { gcp } = await openParts()
    const rows = await Array.fromAsync(createBilling(gcp).rows(lastWeek))
    const cores = rows.filter(({ ChargeDescription }) => ChargeDescription?.includes('Core'))
    expect(cores.map(({ ChargePeriodStart }) => ChargePeriodStart.getTime())).toEqual(
      Array.from({ length: 7 }, (_, day) => today - (7 - day) * dayMs),
    )
    for (const row of cores)
      expect(row).toMatchObject({
        // 24 times 0.04362318, less a tenth, to nine digits an hour.
        BilledCost: '0.942260688',
        ListCost: '1.04695632',
        ConsumedQuantity: '172800',
        ResourceName: 'retired-1',
        Tags: { team: 'ledger' },
      })
  })

  test('all pages are read, and each row once', async () => {
    const { gcp, loopback } = await openParts({ pageLimit: 4 })
    const rows = await Array.fromAsync(createBilling(gcp).rows(lastWeek))
    expect(rows).toHaveLength(14)
    // Four pages at least; a query that is not done yet is asked for once more.
    expect(
      loopback.calls().filter(({ operation }) => operation.startsWith('bigquery')).length,
    ).toBeGreaterThan(3)
  })

  test('without an export the remedy says how to get one, and nothing is asked', async () => {
    const { loopback } = await openParts()
    const { billing_table: _, ...options } = loopback.options
    const gcp = await connect(parseGcpSettings(settingsFor(loopback, { options })))
    loopback.clearCalls()
    await expect(Array.fromAsync(createBilling(gcp).rows(lastWeek))).rejects.toMatchObject({
      code: 'unsupported',
      remedy: expect.stringContaining('options.billing_table') as string,
    })
    expect(loopback.calls()).toEqual([])
    gcp.close()
  })

  test('a table that is not there is not_found', async () => {
    const { loopback } = await openParts()
    const options = { ...loopback.options, billing_table: 'novacron-loopback.billing.other' }
    const gcp = await connect(parseGcpSettings(settingsFor(loopback, { options })))
    await expect(Array.fromAsync(createBilling(gcp).rows(lastWeek))).rejects.toMatchObject({
      code: 'not_found',
    })
    gcp.close()
  })

  test.for([
    [{ service_name: 'Compute Engine', sku_name: 'Balanced PD Capacity' }, 'Storage'],
    [
      { service_name: 'Compute Engine', sku_name: 'Network Internet Egress from Americas to EMEA' },
      'Networking',
    ],
    [{ service_name: 'Compute Engine', sku_name: 'N2 Instance Core running in Iowa' }, 'Compute'],
    [{ service_name: 'Cloud SQL', sku_name: 'Cloud SQL for PostgreSQL: Zonal' }, 'Databases'],
    [{ service_name: 'Kubernetes Engine', sku_name: 'Zonal Kubernetes Clusters' }, 'Compute'],
    [{ service_name: 'Support', sku_name: 'Enhanced Support' }, 'Other'],
  ] as const)('charges are of the FOCUS category that they belong to: %j', ([row, category]) => {
    expect(focusRowOf({ day: '1714953600000000', ...row }).ServiceCategory).toBe(category)
  })

  test.for([
    ['0.1', '-0.10', '0'],
    ['1.151664', '-0.2', '0.951664'],
    ['0.000000001', '-1', '-0.999999999'],
    ['12', '30', '42'],
  ])('amounts are added exactly: %s and %s', ([cost_sum = '', credit_sum = '', sum]) => {
    expect(focusRowOf({ day: '1714953600000000', cost_sum, credit_sum }).BilledCost).toBe(sum)
  })
})
