import { reading } from '#test/clouds/aws/action.ts'
import { instanceTypes } from '#test/clouds/aws/catalog.ts'
import { spotPrice } from '#test/clouds/aws/json/prices.ts'
import { filtered, paged } from '#test/clouds/aws/querying.ts'
import { invalidValue } from '#test/clouds/aws/refusal.ts'
import { filters, list, nextToken, text, whole } from '#test/clouds/aws/shapes.ts'

const hourMs = 3_600_000

/** Prices change at every full hour. What is asked for from some moment on begins with the price that was valid then. */
export const describeSpotPriceHistory = reading(
  {
    AvailabilityZone: text(),
    StartTime: text({ pattern: /^\d{4}-\d\d-\d\dT/ }),
    EndTime: text({ pattern: /^\d{4}-\d\d-\d\dT/ }),
    InstanceType: list(text()),
    ProductDescription: list(text()),
    Filter: filters,
    MaxResults: whole(1, 1000),
    NextToken: nextToken,
  },
  (input, { world, region }) => {
    const unknown = input.InstanceType.find((name) => !instanceTypes.some((type) => type.name === name))
    if (unknown !== undefined) throw invalidValue(`Invalid instance type: ${unknown}`)
    const endMs = input.EndTime === undefined ? world.clock.now() : Date.parse(input.EndTime)
    const startMs = input.StartTime === undefined ? endMs - 24 * hourMs : Date.parse(input.StartTime)
    const types = instanceTypes.filter(
      ({ name }) => input.InstanceType.length === 0 || input.InstanceType.includes(name),
    )
    const zones = region.zones.filter((zone) => (input.AvailabilityZone ?? zone) === zone)
    const wanted = input.ProductDescription.length === 0 || input.ProductDescription.includes('Linux/UNIX')
    let seq = 0
    const items = []
    for (let atMs = Math.floor(endMs / hourMs) * hourMs; wanted; atMs -= hourMs) {
      for (const type of types) {
        for (const zone of zones) {
          seq += 1
          const price = spotPrice(type, region.name, zone, atMs)
          items.push({
            id: String(seq),
            seq,
            tags: new Map<string, string>(),
            type: type.name,
            zone,
            price,
            atMs,
          })
        }
      }
      if (atMs <= startMs) break
    }
    const found = filtered(items, input.Filter, {
      'instance-type': ({ type }) => [type],
      'availability-zone': ({ zone }) => [zone],
    })
    const { NextToken, MaxResults, ...query } = input
    const { page, nextToken: next } = paged(world, found, {
      query,
      maxResults: MaxResults ?? 1000,
      nextToken: NextToken,
    })
    return {
      spotPriceHistorySet: page.map(({ type, zone, price, atMs }) => ({
        instanceType: type,
        productDescription: 'Linux/UNIX',
        spotPrice: price.toFixed(6),
        timestamp: new Date(atMs),
        availabilityZone: zone,
      })),
      nextToken: next,
    }
  },
)
