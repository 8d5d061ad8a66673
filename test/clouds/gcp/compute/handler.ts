import type { PlainReply } from '#test/clouds/core/server.ts'
import { checkBody, checkParameter, methodSpecs } from '#test/clouds/gcp/compute/schema.ts'
import type { Body } from '#test/clouds/gcp/compute/world.ts'
import { Refusal } from '#test/clouds/gcp/refusal.ts'
import type { Ask, Route } from '#test/clouds/gcp/route.ts'

/** A request to Compute Engine whose parameters and body have been found sound. */
export interface ComputeAsk extends Ask {
  body: Body
  operation: string
}

/** By operation, e.g. `compute.instances.insert`. */
export type Handlers = Record<string, (ask: ComputeAsk) => PlainReply | Promise<PlainReply>>

/** Routes of these operations, as the vendor's own description has them: method, path, parameters and type of body. */
export function routesOf(handlers: Handlers): Route[] {
  return Object.entries(handlers).map(([operation, handle]) => {
    const spec = methodSpecs().get(operation)
    if (!spec) throw new TypeError(`${operation} is no operation of Compute Engine`)
    return {
      method: spec.method,
      path: spec.path,
      operation,
      mutating: spec.method !== 'GET' && !operation.endsWith('.wait'),
      answer: (ask) => {
        for (const [name, value] of ask.query) {
          const type = spec.query.get(name)
          if (type !== undefined) checkParameter(name, type, value)
          else if (!common.has(name))
            throw new Refusal(
              400,
              'badRequest',
              `Invalid JSON payload received. Unknown name "${name}": Cannot bind query parameter.`,
              name,
            )
        }
        const sent = ask.json()
        if (sent !== undefined && spec.body === undefined && Object.keys(sent as object).length > 0)
          throw new Refusal(400, 'badRequest', 'This operation takes no body.')
        if (spec.body !== undefined) checkBody(spec.body, sent ?? {})
        return handle({ ...ask, operation, body: (sent ?? {}) as Body })
      },
    }
  })
}

/** Parameters that every method of every Google service takes. */
const common = new Set(['alt', '$alt', 'fields', 'key', 'prettyPrint', 'quotaUser'])
