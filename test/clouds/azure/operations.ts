import { randomUUID } from 'node:crypto'
import type { Clock } from '#test/clouds/core/clock.ts'
import type { PlainReply } from '#test/clouds/core/server.ts'
import { json, Refusal } from '#test/clouds/azure/replies.ts'

/** What a long-running operation will have come to. */
export interface Outlook {
  afterMs: number
  error?: { code: string; message: string }
  /** Body of the operation's result, for a POST that gives one. */
  result?: () => unknown
}

/** Long-running operations: `azure-asyncoperation` tells the status, `location` the result. */
export interface Operations {
  /** Headers that tell the client where to look. */
  begin(provider: string, region: string, apiVersion: string, outlook: Outlook): Record<string, string>
  status(id: string): PlainReply
  result(id: string): PlainReply
}

interface Operation extends Outlook {
  startedMs: number
}

export function createOperations({
  clock,
  url,
  subscription,
}: {
  clock: Clock
  url: () => string
  subscription: string
}): Operations {
  const operations = new Map<string, Operation>()
  const find = (id: string): Operation => {
    const operation = operations.get(id)
    if (operation) return operation
    throw new Refusal(404, 'NotFound', `The operation '${id}' was not found.`)
  }
  const done = ({ startedMs, afterMs }: Operation) => clock.now() >= startedMs + afterMs

  return {
    begin(provider, region, apiVersion, outlook) {
      const id = randomUUID()
      operations.set(id, { ...outlook, startedMs: clock.now() })
      const base = `${url()}/subscriptions/${subscription}/providers/${provider}/locations/${region}`
      const pace = Math.floor(outlook.afterMs / 1000)
      return {
        'azure-asyncoperation': `${base}/operations/${id}?api-version=${apiVersion}`,
        location: `${base}/operationResults/${id}?api-version=${apiVersion}`,
        // Whole seconds; an operation that is over sooner names no pace and leaves it to the client.
        ...(pace > 0 ? { 'retry-after': String(pace) } : {}),
      }
    },
    status(id) {
      const operation = find(id)
      const { startedMs, afterMs, error, result } = operation
      const common = { name: id, startTime: new Date(startedMs).toISOString() }
      if (!done(operation)) return json(200, { ...common, status: 'InProgress' })
      const ended = { ...common, endTime: new Date(startedMs + afterMs).toISOString() }
      if (error) return json(200, { ...ended, status: 'Failed', error })
      return json(200, {
        ...ended,
        status: 'Succeeded',
        ...(result ? { properties: { output: result() } } : {}),
      })
    },
    result(id) {
      const operation = find(id)
      if (!done(operation)) return json(202)
      if (operation.error) return json(409, { error: operation.error })
      return json(200, operation.result?.())
    },
  }
}
