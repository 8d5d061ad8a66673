import type { BillingFacet, ObjectsFacet } from '#shared/clouds/port.ts'
import { CloudError } from '#shared/clouds/errors.ts'
import type { AwsClients } from '#shared/clouds/aws/clients.ts'
import { costExplorerRows } from '#shared/clouds/aws/billing/cost-explorer.ts'
import { focusExportRows } from '#shared/clouds/aws/billing/focus-export.ts'

/** The bill: the account's FOCUS export where the registration names one, else Cost Explorer. */
export const createBilling = (aws: AwsClients, objects: ObjectsFacet): BillingFacet => ({
  async *rows(query) {
    for (const field of ['from', 'to'] as const) wholeDay(field, query[field])
    const place = aws.settings.options.focus_export
    if (place === undefined) yield* costExplorerRows(aws, query)
    else yield* focusExportRows(objects, { ...place, region: place.region ?? aws.homeRegion }, query)
  },
})

function wholeDay(field: string, at: Date): void {
  if (at.getTime() % 86_400_000 === 0) return
  throw new CloudError(`The bill is by whole UTC days; ${field} is ${at.toISOString()}.`, {
    cloud: 'aws',
    operation: 'GetCostAndUsage',
    code: 'invalid_request',
    remedy: 'Give the beginning of a day in UTC.',
    details: { field },
  })
}
