import type { VmMetric } from '#shared/clouds/facets/observation.ts'
import type { CloudRef } from '#shared/clouds/facets/terms.ts'

/** What is read from clouds now and then, and kept for a while. */
export const readingFacets = ['metrics', 'quotas', 'prices', 'regions', 'health', 'hosts'] as const
export type ReadingFacet = (typeof readingFacets)[number]

/** A question to a cloud. Equal questions have equal ids. */
export interface ReadingInput {
  reading_id: string
  provider_id: string
  facet: ReadingFacet
  /** The region or our id of the VM that it is about; empty for the whole account. */
  subject: string
  query: {
    region?: string
    skus?: string[]
    vm?: CloudRef
    /** ISO 8601; both or `range_s` before now. */
    from?: string
    to?: string
    range_s?: number
    period_s?: number
    metrics?: VmMetric[]
  }
}
