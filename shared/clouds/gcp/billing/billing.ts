import { CloudError } from '#shared/clouds/errors.ts'
import { queryRows } from '#shared/clouds/gcp/billing/bigquery.ts'
import { focusRowOf } from '#shared/clouds/gcp/billing/focus.ts'
import { billingQuery } from '#shared/clouds/gcp/billing/query.ts'
import type { GcpClient } from '#shared/clouds/gcp/client.ts'
import type { BillingFacet } from '#shared/clouds/port.ts'

const dayMs = 86_400_000

/** Charges by day and resource, from the billing export that the user has set up. Google adds to it several times a day. */
export function createBilling(gcp: GcpClient): BillingFacet {
  const { billing_table: table } = gcp.settings.options
  return {
    async *rows({ from, to }) {
      if (table === undefined) throw notExported(gcp.settings.providerId)
      for (const [field, day] of Object.entries({ from, to })) checkDay(field, day)
      for await (const row of queryRows(gcp, billingQuery(table), { from, to })) yield focusRowOf(row)
    },
  }
}

const notExported = (providerId: string): CloudError =>
  new CloudError(
    `Google Cloud tells costs only in a billing export, and the provider ${providerId} names none.`,
    {
      cloud: 'gcp',
      operation: 'billing.rows',
      code: 'unsupported',
      remedy:
        'Turn on the detailed usage cost export to BigQuery for the billing account, and name its table as options.billing_table (project.dataset.table).',
    },
  )

function checkDay(field: string, day: Date): void {
  if (day.getTime() % dayMs === 0) return
  throw new CloudError(`${field} is not the beginning of a UTC day.`, {
    cloud: 'gcp',
    operation: 'billing.rows',
    code: 'invalid_request',
    remedy: 'Give whole days, such as 2026-11-01T00:00:00Z.',
    details: { field },
  })
}
