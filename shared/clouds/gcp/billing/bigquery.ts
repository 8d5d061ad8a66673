import type { GcpClient } from '#shared/clouds/gcp/client.ts'
import { randomUUID } from 'node:crypto'

/** A row by the names of its columns; everything is text, as BigQuery sends it. */
export type Row = Readonly<Record<string, string | undefined>>

interface QueryReply {
  jobComplete?: boolean
  jobReference?: { jobId?: string; location?: string }
  schema?: { fields?: { name?: string }[] }
  rows?: { f?: { v?: unknown }[] }[]
  pageToken?: string
}

/**
 * Runs a query in BigQuery's standard SQL and gives its rows, paged to the end; timestamps are in microseconds.
 * https://cloud.google.com/bigquery/docs/reference/rest/v2/jobs/query
 */
export async function* queryRows(
  gcp: GcpClient,
  query: string,
  timestamps: Readonly<Record<string, Date>>,
): AsyncGenerator<Row> {
  const path = `/bigquery/v2/projects/${gcp.project}/queries`
  let reply = (await gcp.rest('bigquery.jobs.query', {
    method: 'POST',
    service: 'bigquery',
    path,
    body: {
      query,
      useLegacySql: false,
      parameterMode: 'NAMED',
      queryParameters: Object.entries(timestamps).map(([name, at]) => ({
        name,
        parameterType: { type: 'TIMESTAMP' },
        parameterValue: { value: at.toISOString() },
      })),
      maxResults,
      timeoutMs,
      formatOptions: { useInt64Timestamp: true },
      requestId: randomUUID(),
    },
  })) as QueryReply
  const { jobId = '', location } = reply.jobReference ?? {}
  let columns: string[] = []
  for (;;) {
    if (reply.jobComplete === true) {
      columns = reply.schema?.fields?.map(({ name = '' }) => name) ?? columns
      for (const { f = [] } of reply.rows ?? []) {
        yield Object.fromEntries(
          f.map(({ v }, index) => [columns[index] ?? '', typeof v === 'string' ? v : undefined]),
        )
      }
      if (!reply.pageToken) return
    }
    reply = (await gcp.rest('bigquery.jobs.getQueryResults', {
      method: 'GET',
      service: 'bigquery',
      path: `${path}/${encodeURIComponent(jobId)}`,
      query: {
        location,
        maxResults,
        timeoutMs,
        'formatOptions.useInt64Timestamp': true,
        pageToken: reply.pageToken,
      },
    })) as QueryReply
  }
}

const maxResults = 5000
/** How long BigQuery holds the reply while the query still runs. */
const timeoutMs = 10_000
