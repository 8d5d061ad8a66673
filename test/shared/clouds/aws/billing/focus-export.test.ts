import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Cloud, CloudRef } from '#shared/clouds/port.ts'
import { runningClock } from '#test/clouds/core/clock.ts'
import { openSubject } from '#test/shared/clouds/aws/subject.ts'
import { intentOf, newJob } from '#test/shared/clouds/conformance/subject.ts'
import { makeBucket } from '#test/shared/clouds/conformance/things.ts'
import { useSubject } from '#test/shared/clouds/use-subject.ts'

let bucket: CloudRef
let cloud: Cloud
const clock = runningClock()
const subject = useSubject(() => openSubject({ clock }))
beforeAll(async () => {
  bucket = await makeBucket(subject, intentOf(newJob()))
  cloud = await subject.reopen({ options: { focus_export: { bucket: bucket.id, prefix: 'bill/focus' } } })
})
afterAll(() => cloud.close())

const columns = [
  'BilledCost',
  'EffectiveCost',
  'ListCost',
  'ContractedCost',
  'BillingCurrency',
  'BillingAccountId',
  'BillingPeriodStart',
  'BillingPeriodEnd',
  'ChargePeriodStart',
  'ChargePeriodEnd',
  'ChargeCategory',
  'ProviderName',
  'PublisherName',
  'InvoiceIssuerName',
  'ServiceCategory',
  'ServiceName',
  'ResourceId',
  'Tags',
  'x_Discounts',
]

const line = (day: string, resource: string, cost = '0.5') =>
  [
    cost,
    cost,
    '0.7',
    cost,
    'USD',
    '123456789012',
    '2026-10-01T00:00:00.000Z',
    '2026-11-01 00:00:00',
    `${day}T00:00:00.000Z`,
    `${day}T01:00:00.000Z`,
    'Usage',
    'AWS',
    'AWS',
    '"Amazon Web Services, Inc."',
    'Compute',
    'Amazon Elastic Compute Cloud',
    resource,
    '"{""user:team"":""web, shop""}"',
    '"{}"',
  ].join(',')

async function put(key: string, data: Buffer): Promise<void> {
  const body = (async function* () {
    yield await Promise.resolve(data)
  })()
  await subject.cloud.storage.objects.write(bucket, { key, sizeBytes: data.length, body })
}

/** As AWS Data Exports delivers: a manifest for each time that a month was written, which names that time’s files. */
async function deliver(month: string, run: string, files: string[][]): Promise<void> {
  const keys = files.map(
    (_, index) => `bill/focus/data/BILLING_PERIOD=${month}/${run}/focus-0000${index}.csv.gz`,
  )
  for (const [index, key] of keys.entries()) {
    await put(key, gzipSync([columns.join(','), ...(files[index] ?? [])].join('\n')))
  }
  const manifest = { dataFiles: keys.map((key) => `s3://${bucket.id}/${key}`) }
  await put(
    `bill/focus/metadata/BILLING_PERIOD=${month}/${run}/focus-Manifest.json`,
    Buffer.from(JSON.stringify(manifest)),
  )
}

const rows = (from: string, to: string) =>
  Array.fromAsync(cloud.billing.rows({ from: new Date(from), to: new Date(to) }))

test('rows are those of the newest delivery of each month, within the days asked for', async () => {
  await deliver('2026-09', '1', [[line('2026-09-30', 'i-september')]])
  await deliver('2026-10', '1', [[line('2026-10-01', 'i-overtaken')]])
  // S3 tells of when in whole seconds.
  clock.advance(1000)
  await deliver('2026-10', '2', [
    [line('2026-10-01', 'i-first'), line('2026-10-02', 'i-second')],
    [line('2026-10-01', 'i-third')],
  ])
  const found = await rows('2026-09-30', '2026-10-02')
  expect(found.map(({ ResourceId }) => ResourceId)).toEqual(['i-september', 'i-first', 'i-third'])
  expect(found[1]).toMatchObject({
    BilledCost: '0.5',
    ListCost: '0.7',
    BillingPeriodEnd: new Date('2026-11-01'),
    ChargePeriodStart: new Date('2026-10-01'),
    Tags: { 'user:team': 'web, shop' },
  })
  expect(subject.loopback.calls().some(({ operation }) => operation === 'GetCostAndUsage')).toBe(false)
})

test('a month that was not delivered has no rows', async () => {
  expect(await rows('2026-05-01', '2026-06-01')).toEqual([])
})

test('a file without a column that FOCUS demands is refused, naming it', async () => {
  await deliver('2026-08', '1', [[line('2026-08-05', 'i-x', '')]])
  await expect(rows('2026-08-01', '2026-09-01')).rejects.toMatchObject({
    code: 'invalid_request',
    details: { field: 'BilledCost' },
  })
})

test('a damaged file is an error, not a shorter bill', async () => {
  await deliver('2026-07', '1', [[line('2026-07-05', 'i-x')]])
  const whole = gzipSync(
    [columns.join(','), ...Array.from({ length: 500 }, (_, nr) => line('2026-07-05', `i-${nr}`))].join('\n'),
  )
  await put(
    'bill/focus/data/BILLING_PERIOD=2026-07/1/focus-00000.csv.gz',
    whole.subarray(0, whole.length / 2),
  )
  await expect(rows('2026-07-01', '2026-08-01')).rejects.toMatchObject({
    code: 'invalid_request',
    message: expect.stringContaining('focus-00000.csv.gz') as string,
  })
})
