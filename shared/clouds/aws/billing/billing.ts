import type { BillingFacet, ObjectsFacet } from '#shared/clouds/port.ts'
import type { AwsClients } from '#shared/clouds/aws/clients.ts'
import { costExplorerRows } from '#shared/clouds/aws/billing/cost-explorer.ts'
import { focusExportRows } from '#shared/clouds/aws/billing/focus-export.ts'

/** The bill: the account's FOCUS export where the registration names one, else Cost Explorer. */
export const createBilling = (aws: AwsClients, objects: ObjectsFacet): BillingFacet => ({
  rows(query) {
    const place = aws.settings.options.focus_export
    if (place === undefined) return costExplorerRows(aws, query)
    return focusExportRows(objects, { ...place, region: place.region ?? aws.homeRegion }, query)
  },
})
