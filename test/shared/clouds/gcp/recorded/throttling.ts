import type { RecordedCase } from '#test/shared/clouds/recorded.ts'

const region = 'us-central1'
const vm = { region, id: 'zones/us-central1-a/instances/instance-1' }

/** Come last: after them the adapter holds its calls back, as it was told to. */
export const throttlingCases: RecordedCase[] = [
  {
    title: 'too many calls, which is a 403 as well',
    source: 'https://cloud.google.com/compute/api-quota',
    replies: [{ file: 'compute-error-rate.json', status: 403 }],
    call: (cloud) => cloud.compute.start(vm),
    throws: { code: 'throttled', kind: 'throttled', retryable: true, vendorCode: 'rateLimitExceeded' },
  },
  {
    title: 'too many calls of a newer service, which says when to come back',
    source: 'https://cloud.google.com/apis/design/errors#error_payloads',
    replies: [{ file: 'cloudbuild-error-exhausted.json', status: 429 }],
    call: (cloud) => cloud.images.taskState({ region, id: 'builds/2f1f0d8c-0000-4000-8000-000000000000' }),
    throws: { code: 'throttled', kind: 'throttled', retryAfterMs: 7500, vendorCode: 'RESOURCE_EXHAUSTED' },
  },
]
