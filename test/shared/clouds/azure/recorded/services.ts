import type { RecordedCase } from '#test/shared/clouds/recorded.ts'

/** Responses of storage, images, metrics, quotas, prices and billing. */
export const serviceCases: RecordedCase[] = []
