import { defineEntity, p } from '@mikro-orm/core'
import type { Tally } from '#shared/clouds/calls/tally.ts'

/** The calls that one worker made to one provider within one minute. */
export const CloudCallsSchema = defineEntity({
  name: 'CloudCalls',
  tableName: 'cloud_calls',
  properties: {
    tenantId: p.text().primary(),
    providerId: p.text().primary(),
    workerId: p.text().primary(),
    minute: p.datetime(3).primary(),
    lastCallAt: p.datetime(3),
    calls: p.integer(),
    faults: p.integer(),
    throttled: p.integer(),
    pacedPerSecond: p.double().nullable(),
    operations: p.json<Tally>(),
  },
})

export class CloudCalls extends CloudCallsSchema.class {}
CloudCallsSchema.setClass(CloudCalls)

/** All calls to a provider that are no longer among `cloud_calls`. */
export const CloudCallTotalsSchema = defineEntity({
  name: 'CloudCallTotals',
  tableName: 'cloud_call_totals',
  properties: {
    tenantId: p.text().primary(),
    providerId: p.text().primary(),
    operations: p.json<Tally>(),
  },
})

export class CloudCallTotals extends CloudCallTotalsSchema.class {}
CloudCallTotalsSchema.setClass(CloudCallTotals)
