import { defineEntity, p } from '@mikro-orm/core'

/** How much of a quota of API requests is used up, as of `at`: it drains by `perSecond`. */
export const RateBucketSchema = defineEntity({
  name: 'RateBucket',
  tableName: 'rate_buckets',
  properties: {
    /** The policy, and whose quota it is. */
    id: p.text().primary(),
    level: p.double(),
    perSecond: p.double(),
    at: p.datetime(3),
  },
})

export class RateBucket extends RateBucketSchema.class {}
RateBucketSchema.setClass(RateBucket)
