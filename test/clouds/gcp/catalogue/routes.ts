import { skusIn } from '#test/clouds/gcp/catalogue/skus.ts'
import { json, Refusal } from '#test/clouds/gcp/refusal.ts'
import { checkNames, cutPage } from '#test/clouds/gcp/rest.ts'
import type { Route } from '#test/clouds/gcp/route.ts'

/** The public price catalogue of Cloud Billing: https://cloud.google.com/billing/docs/reference/rest/v1/services.skus/list */
export const catalogueRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: '/v1/services/{service}/skus',
    operation: 'cloudbilling.services.skus.list',
    mutating: false,
    form: 'rpc',
    answer({ world, path, query }) {
      checkNames('query', query.keys(), ['currencyCode', 'startTime', 'endTime', 'pageSize', 'pageToken'])
      if (path['service'] !== '6F81-5844-456A')
        throw new Refusal(404, 'NOT_FOUND', `Service services/${path['service']} is not found.`)
      if ((query.get('currencyCode') ?? 'USD') !== 'USD')
        throw new Refusal(
          400,
          'INVALID_ARGUMENT',
          `Currency code ${query.get('currencyCode')} is not known to this loopback.`,
        )
      const all = [...world.compute.regions.keys()].flatMap(skusIn)
      const { items, nextPageToken } = cutPage(world, query, 'skus', all, { usual: 5000, most: 5000 })
      return json(200, { skus: items, nextPageToken: nextPageToken ?? '' })
    },
  },
]
