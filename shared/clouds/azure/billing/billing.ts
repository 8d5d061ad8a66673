import type { AzureClient } from '#shared/clouds/azure/client.ts'
import { keyOf, toFocusRow } from '#shared/clouds/azure/billing/focus.ts'
import { costRows, type CostRow } from '#shared/clouds/azure/billing/query.ts'
import { CloudError } from '#shared/clouds/errors.ts'
import type { BillingFacet } from '#shared/clouds/port.ts'

/**
 * Charges by day, resource and meter, from Cost Management. It is asked month by month: Azure limits what one query may span, and the two views
 * of a month, billed and amortised, are joined in memory.
 */
export const createBilling = (client: AzureClient): BillingFacet => ({
  async *rows({ from, to }) {
    checkDays(from, to)
    const { subscriptionId } = client.settings
    for (const month of monthsIn(from, to)) {
      const billed = new Map<string, CostRow>()
      for await (const row of costRows(client, 'ActualCost', month)) billed.set(keyOf(row), row)
      for await (const row of costRows(client, 'AmortizedCost', month)) {
        const key = keyOf(row)
        yield toFocusRow(subscriptionId, billed.get(key), row)
        billed.delete(key)
      }
      for (const row of billed.values()) yield toFocusRow(subscriptionId, row, undefined)
    }
  },
})

function* monthsIn(from: Date, to: Date): Generator<{ from: Date; to: Date }> {
  for (let start = from; start < to;) {
    const nextMonth = new Date(Date.UTC(start.getUTCFullYear(), start.getUTCMonth() + 1, 1))
    const end = nextMonth < to ? nextMonth : to
    yield { from: start, to: end }
    start = end
  }
}

function checkDays(from: Date, to: Date): void {
  for (const [field, date] of [
    ['from', from],
    ['to', to],
  ] as const) {
    if (date.getTime() % 86_400_000 !== 0)
      throw refused(field, `${date.toISOString()} is not the beginning of a UTC day`, 'Use whole UTC days.')
  }
  if (from >= to) throw refused('to', 'is not after from', 'Swap them, or ask for one day more.')
}

const refused = (field: string, reason: string, remedy: string): CloudError =>
  new CloudError(`${field} ${reason}.`, {
    cloud: 'azure',
    operation: 'Query_Usage',
    code: 'invalid_request',
    remedy,
    details: { field },
  })
