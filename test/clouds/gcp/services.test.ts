import { describe, expect, test } from 'vitest'
import type { RestRequest } from '#shared/clouds/gcp/client.ts'
import { billingTable } from '#test/clouds/gcp/bigquery/export.ts'
import { openParts } from '#test/shared/clouds/gcp/parts.ts'

const project = 'novacron-loopback'

async function open(options: Parameters<typeof openParts>[0] = {}) {
  const { gcp } = await openParts(options)
  return (request: RestRequest) => gcp.rest('raw', request)
}

const refused = (code: string, message: RegExp) => ({
  code,
  message: expect.stringMatching(message) as string,
})

describe('the loopback Cloud Build', () => {
  const tool = { name: 'gcr.io/compute-image-tools/gce_vm_image_export:release', args: ['-client_id=api'] }
  const post = (body: object): RestRequest => ({
    method: 'POST',
    service: 'cloudbuild',
    path: `/v1/projects/${project}/builds`,
    body,
  })

  test('a build goes from queued over working to its end', async () => {
    const ask = await open({ delaysMs: { build: 250 } })
    const started = (await ask(post({ steps: [tool] }))) as {
      metadata: { build: { id: string; status: string } }
    }
    const seen = new Set([started.metadata.build.status])
    const path = `/v1/projects/${project}/builds/${started.metadata.build.id}`
    await expect
      .poll(
        async () => {
          const { status } = (await ask({ method: 'GET', service: 'cloudbuild', path })) as { status: string }
          return seen.add(status).has('FAILURE')
        },
        { interval: 2, timeout: 10_000 },
      )
      .toBe(true)
    expect([...seen]).toEqual(['QUEUED', 'WORKING', 'FAILURE'])
  })

  test.for([
    [{ steps: [] }, /at least one step/],
    [{ steps: [tool], timout: '1s' }, /timout/],
    [{ steps: [{ ...tool, argv: [] }] }, /argv/],
    [{ steps: [{ name: 'x', args: [1] }] }, /strings/],
    [{ steps: [tool], timeout: 7200 }, /duration/],
    [{ steps: [tool], tags: ['not a tag'] }, /tags/],
  ] as const)('a build that is described wrongly is refused: %j', async ([body, message]) => {
    const ask = await open()
    await expect(ask(post(body))).rejects.toMatchObject(refused('invalid_request', message))
  })

  test('another project is forbidden, and a filter that it does not know refused', async () => {
    const ask = await open()
    const list = { method: 'GET' as const, service: 'cloudbuild' as const }
    await expect(ask({ ...list, path: '/v1/projects/other/builds' })).rejects.toMatchObject(
      refused('forbidden', /other/),
    )
    const query = { filter: 'status=DONE' }
    await expect(ask({ ...list, path: `/v1/projects/${project}/builds`, query })).rejects.toMatchObject(
      refused('invalid_request', /status=DONE/),
    )
  })
})

describe('the loopback Monitoring', () => {
  const good = {
    filter:
      'metric.type = "compute.googleapis.com/instance/cpu/utilization" AND resource.labels.instance_id = "1"',
    'interval.startTime': '2026-11-01T00:00:00Z',
    'interval.endTime': '2026-11-01T01:00:00Z',
    'aggregation.alignmentPeriod': '60s',
    'aggregation.perSeriesAligner': 'ALIGN_MEAN',
    'aggregation.crossSeriesReducer': 'REDUCE_SUM',
  }

  test.for([
    [{ filter: 'resource.labels.instance_id = "1"' }, /single metric type/],
    [{ filter: `${good.filter} OR x` }, /Could not parse/],
    [{ 'interval.endTime': 'tomorrow' }, /Invalid time/],
    [{ 'interval.endTime': '2026-10-01T00:00:00Z' }, /must not be after/],
    [{ 'aggregation.alignmentPeriod': '10s' }, /at least 60/],
    [{ 'aggregation.perSeriesAligner': 'ALIGN_RATE' }, /kind GAUGE/],
    [{ 'aggregation.period': '60s' }, /aggregation.period/],
    [{ pageToken: 'nonsense' }, /page token/],
  ] as const)('a query that is wrong is refused: %j', async ([change, message]) => {
    const ask = await open()
    const request = {
      method: 'GET',
      service: 'monitoring',
      path: `/v3/projects/${project}/timeSeries`,
    } as const
    await ask({ ...request, query: good })
    await expect(ask({ ...request, query: { ...good, ...change } })).rejects.toMatchObject(
      refused('invalid_request', message),
    )
  })

  test('a metric that nobody has is not found', async () => {
    const ask = await open()
    const query = { ...good, filter: good.filter.replace('cpu/utilization', 'cpu/utilisation') }
    const request = {
      method: 'GET',
      service: 'monitoring',
      path: `/v3/projects/${project}/timeSeries`,
    } as const
    await expect(ask({ ...request, query })).rejects.toMatchObject(refused('not_found', /utilisation/))
  })
})

describe('the loopback BigQuery', () => {
  const post = (query: string, change = {}): RestRequest => ({
    method: 'POST',
    service: 'bigquery',
    path: `/bigquery/v2/projects/${project}/queries`,
    body: {
      query,
      useLegacySql: false,
      parameterMode: 'NAMED',
      queryParameters: [
        {
          name: 'from',
          parameterType: { type: 'TIMESTAMP' },
          parameterValue: { value: '2020-01-01T00:00:00Z' },
        },
      ],
      formatOptions: { useInt64Timestamp: true },
      ...change,
    },
  })
  const from = `FROM \`${billingTable(project)}\` WHERE usage_start_time >= @from GROUP BY 1`

  test.for([
    [`SELECT costs AS a ${from}`, /Unrecognized name: costs at \[1:8\]/],
    [`SELECT service.title AS a ${from}`, /Unrecognized name: service.title/],
    [`SELECT MEDIAN(cost) AS a ${from}`, /Function not found: MEDIAN/],
    [`SELECT cost ${from}`, /Expected "AS" but got "FROM"/],
    [`SELECT cost AS a ${from}; DROP TABLE x`, /Illegal input character ";"/],
    [`SELECT cost AS a ${from.replace('@from', '@since')}`, /parameter 'since' not found/],
    [`SELECT cost AS a ${from.replace('usage_start_time', 'cost')}`, /No matching signature/],
    [`SELECT cost AS a ${from.replace('BY 1', 'BY 2')}`, /position 2 is out of range/],
  ] as const)('a query that is wrong is refused: %s', async ([query, message]) => {
    const ask = await open()
    await expect(ask(post(query))).rejects.toMatchObject({
      ...refused('invalid_request', message),
      vendorCode: 'invalidQuery',
    })
  })

  test('a request with fields that it does not know, or in the old dialect, is refused', async () => {
    const ask = await open()
    const query = `SELECT SUM(CAST(cost AS NUMERIC)) AS a, cost_type AS b ${from.replace('BY 1', 'BY 2')}`
    await ask(post(query))
    await expect(ask(post(query, { querry: 1 }))).rejects.toMatchObject(refused('invalid_request', /querry/))
    await expect(ask(post(query, { useLegacySql: true }))).rejects.toMatchObject(
      refused('invalid_request', /Legacy/),
    )
  })
})
