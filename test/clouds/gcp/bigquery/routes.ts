import { randomUUID } from 'node:crypto'
import { runQuery, textOf, type Value } from '#test/clouds/gcp/bigquery/evaluate.ts'
import { billingRows, billingTable, exampleRow } from '#test/clouds/gcp/bigquery/export.ts'
import { parseSql } from '#test/clouds/gcp/bigquery/sql.ts'
import { json, Refusal } from '#test/clouds/gcp/refusal.ts'
import { checkNames } from '#test/clouds/gcp/rest.ts'
import type { Ask, Route } from '#test/clouds/gcp/route.ts'
import type { World } from '#test/clouds/gcp/world.ts'

/** Queries of BigQuery over the billing export: https://cloud.google.com/bigquery/docs/reference/rest/v2/jobs/query */
export const bigqueryRoutes: readonly Route[] = [
  {
    method: 'POST',
    path: '/bigquery/v2/projects/{project}/queries',
    operation: 'bigquery.jobs.query',
    mutating: false,
    answer({ world, path, query, ...ask }) {
      checkNames('query', query.keys(), [])
      checkProject(world, path['project'])
      const { sql, parameters, maxResults, requestId } = readRequest(ask.json())
      const jobs = jobsOf(world)
      const known = [...jobs.values()].find((job) => requestId !== undefined && job.requestId === requestId)
      const job = known ?? start(world, sql, parameters, requestId)
      jobs.set(job.id, job)
      return json(200, { kind: 'bigquery#queryResponse', ...pageOf(world, job, maxResults, 0) })
    },
  },
  {
    method: 'GET',
    path: '/bigquery/v2/projects/{project}/queries/{job}',
    operation: 'bigquery.jobs.getQueryResults',
    mutating: false,
    answer({ world, path, query }) {
      checkNames('query', query.keys(), [
        'location',
        'maxResults',
        'timeoutMs',
        'pageToken',
        'startIndex',
        'formatOptions.useInt64Timestamp',
      ])
      checkProject(world, path['project'])
      const job = jobsOf(world).get(path['job'] ?? '')
      if (!job || query.get('location') !== location)
        throw new Refusal(404, 'notFound', `Not found: Job ${world.project}:${path['job']}`)
      return json(200, {
        kind: 'bigquery#getQueryResultsResponse',
        ...pageOf(
          world,
          job,
          Number(query.get('maxResults') ?? 10_000),
          beginOf(job, query.get('pageToken')),
        ),
      })
    },
  },
]

interface Job {
  id: string
  requestId: string | undefined
  columns: string[]
  rows: Value[][]
  /** Queries take their time; until then they are not complete. */
  readyMs: number
}

const location = 'US'
const jobsByWorld = new WeakMap<World, Map<string, Job>>()

function jobsOf(world: World): Map<string, Job> {
  const known = jobsByWorld.get(world) ?? new Map<string, Job>()
  jobsByWorld.set(world, known)
  return known
}

function start(
  world: World,
  sql: string,
  parameters: ReadonlyMap<string, Date>,
  requestId: string | undefined,
): Job {
  const query = parseSql(sql)
  if (query.table !== billingTable(world.project))
    throw new Refusal(
      404,
      'notFound',
      `Not found: Table ${query.table.replace('.', ':')} was not found in location ${location}`,
    )
  return {
    id: `job_${randomUUID()}`,
    requestId,
    columns: query.items.map(({ name }) => name),
    rows: runQuery(query, billingRows(world), exampleRow(world), parameters),
    readyMs: world.clock.now() + world.delays.operation,
  }
}

function pageOf(world: World, job: Job, maxResults: number, begin: number) {
  const jobReference = { projectId: world.project, jobId: job.id, location }
  if (world.clock.now() < job.readyMs) return { jobReference, jobComplete: false }
  const end = begin + Math.min(maxResults, world.pageLimit)
  return {
    jobReference,
    jobComplete: true,
    schema: {
      fields: job.columns.map((name) => ({
        name,
        type: name === 'day' ? 'TIMESTAMP' : 'STRING',
        mode: 'NULLABLE',
      })),
    },
    totalRows: String(job.rows.length),
    ...(job.rows.length === 0
      ? {}
      : {
          rows: job.rows.slice(begin, end).map((row) => ({ f: row.map((value) => ({ v: textOf(value) })) })),
        }),
    ...(end < job.rows.length ? { pageToken: Buffer.from(`${job.id} ${end}`).toString('base64url') } : {}),
  }
}

function beginOf({ id }: Job, token: string | null): number {
  if (token === null) return 0
  const [of, begin] = Buffer.from(token, 'base64url').toString().split(' ')
  if (of === id) return Number(begin)
  throw new Refusal(400, 'invalid', 'Invalid value for: pageToken is not valid')
}

function readRequest(sent: unknown): {
  sql: string
  parameters: Map<string, Date>
  maxResults: number
  requestId: string | undefined
} {
  const body = (sent ?? {}) as Record<string, unknown>
  checkNames('query_request', Object.keys(body), [
    'query',
    'useLegacySql',
    'parameterMode',
    'queryParameters',
    'maxResults',
    'timeoutMs',
    'formatOptions',
    'requestId',
    'location',
    'labels',
    'dryRun',
    'useQueryCache',
  ])
  const { query: sql, useLegacySql = true, maxResults = 10_000, requestId } = body
  if (typeof sql !== 'string' || sql === '')
    throw new Refusal(400, 'required', 'Required parameter is missing: query')
  if (useLegacySql !== false)
    throw new Refusal(400, 'invalidQuery', 'Legacy SQL takes no backquotes and no parameters.')
  if ((body['formatOptions'] as { useInt64Timestamp?: unknown } | undefined)?.useInt64Timestamp !== true)
    throw new Refusal(400, 'invalid', 'This loopback gives timestamps as int64 alone.')
  return {
    sql,
    parameters: new Map(((body['queryParameters'] ?? []) as Sent[]).map(readParameter)),
    maxResults: Number(maxResults),
    requestId: typeof requestId === 'string' ? requestId : undefined,
  }
}

interface Sent {
  name?: string
  parameterType?: { type?: string }
  parameterValue?: { value?: string }
}

function readParameter({ name = '', parameterType, parameterValue }: Sent): [string, Date] {
  const at = new Date(parameterValue?.value ?? '')
  if (parameterType?.type !== 'TIMESTAMP' || Number.isNaN(at.getTime()))
    throw new Refusal(400, 'invalid', `Invalid value for query parameter ${name}`)
  return [name, at]
}

function checkProject({ project }: Ask['world'], given: string | undefined): void {
  if (given !== project)
    throw new Refusal(
      403,
      'accessDenied',
      `Access Denied: Project ${given}: User does not have bigquery.jobs.create permission in project ${given}.`,
    )
}
