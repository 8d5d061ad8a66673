import type { Pool } from 'pg'
import { windowMs } from '#shared/clouds/calls/recorder.ts'
import { reportOf, statusOf } from '#shared/clouds/calls/report.ts'
import { merge, type Tally } from '#shared/clouds/calls/tally.ts'
import type { HealthReport } from '#shared/clouds/facets/observation.ts'

/** What all workers together saw of a provider within the window. */
export interface SeenCalls {
  report: HealthReport
  operations: Tally
  /** Ids of the workers whose calls these are. */
  workers: string[]
  /** The beginning of the first minute with a call, and the last call; undefined where there was none. */
  since?: Date
  lastCallAt?: Date
}

/** The calls of all workers within the window. Those of the last few seconds may not be written down yet. */
export async function readCalls(db: Pool, tenantId: string, providerId: string): Promise<SeenCalls> {
  const { rows } = await db.query<Row>(
    `select worker_id, minute, last_call_at, paced_per_second, operations from cloud_calls
     where tenant_id = $1 and provider_id = $2 and ${inWindow} order by minute`,
    [tenantId, providerId],
  )
  const operations = merge(rows.map((row) => row.operations))
  // Each worker holds back by itself, and what counts is how it did last.
  const last = [...new Map(rows.map((row) => [row.worker_id, row])).values()]
  const paced = last.flatMap(({ paced_per_second: rate }) => rate ?? [])
  const lastCallMs = Math.max(...rows.map((row) => row.last_call_at.getTime()))
  return {
    report: reportOf(operations, paced.length === 0 ? undefined : paced.reduce((sum, rate) => sum + rate, 0)),
    operations,
    workers: last.map(({ worker_id: id }) => id).toSorted(),
    ...(rows[0] ? { since: rows[0].minute, lastCallAt: new Date(lastCallMs) } : {}),
  }
}

/** How the calls within the window went, for each of a tenant's providers that was called. */
export async function callStatuses(db: Pool, tenantId: string): Promise<Map<string, HealthReport['status']>> {
  const { rows } = await db.query<{ id: string; calls: number; faults: number; throttled: number }>({
    name: 'call-statuses',
    text: `select provider_id as id, sum(calls)::int as calls, sum(faults)::int as faults, sum(throttled)::int as throttled
           from cloud_calls where tenant_id = $1 and ${inWindow} group by provider_id`,
    values: [tenantId],
  })
  return new Map(rows.map((row) => [row.id, statusOf(row)]))
}

/** Everything that was ever counted of the providers that there are: it only grows, until a provider is removed. */
export async function readAllCalls(
  db: Pool,
): Promise<{ tenantId: string; providerId: string; type: string; operations: Tally }[]> {
  const { rows } = await db.query<{ tenant_id: string; id: string; type: string; tallies: Tally[] }>(
    `select p.tenant_id, p.id, p.type, jsonb_agg(c.operations) as tallies
     from cloud_providers p join (
       select tenant_id, provider_id, operations from cloud_calls
       union all select tenant_id, provider_id, operations from cloud_call_totals
     ) c on c.tenant_id = p.tenant_id and c.provider_id = p.id
     group by p.tenant_id, p.id order by p.tenant_id, p.id`,
  )
  return rows.map(({ tenant_id: tenantId, id: providerId, type, tallies }) => ({
    tenantId,
    providerId,
    type,
    operations: merge(tallies),
  }))
}

interface Row {
  worker_id: string
  minute: Date
  last_call_at: Date
  paced_per_second: number | null
  operations: Tally
}

const inWindow = `minute > now() - interval '${windowMs} milliseconds'`
