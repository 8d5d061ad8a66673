import { defineEntity, p } from '@mikro-orm/core'

/** What a worker last read from a cloud for one question: metrics, quotas, prices, … The id is derived from the question. */
export const CloudReadingSchema = defineEntity({
  name: 'CloudReading',
  tableName: 'cloud_readings',
  indexes: [
    { properties: ['tenantId', 'providerId', 'facet'], name: 'cloud_readings_provider' },
    { properties: ['observedAt'], name: 'cloud_readings_age' },
  ],
  properties: {
    tenantId: p.text().primary(),
    id: p.text().primary(),
    providerId: p.text(),
    facet: p.text(),
    /** The region or the VM that it is about; empty for the whole account. */
    subject: p.text(),
    query: p.json<Record<string, unknown>>(),
    result: p.json<unknown>(),
    observedAt: p.datetime(3),
  },
})

export class CloudReading extends CloudReadingSchema.class {}
CloudReadingSchema.setClass(CloudReading)
