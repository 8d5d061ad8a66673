import type { PlainReply, PlainRequest } from '#test/clouds/core/server.ts'
import type { Fault } from '#test/clouds/core/types.ts'
import { Refusal } from '#test/clouds/gcp/refusal.ts'
import type { World } from '#test/clouds/gcp/world.ts'

/** A request with what its path says. */
export interface Ask {
  world: World
  request: PlainRequest
  /** Parts of the path by the names of the template, decoded. */
  path: Readonly<Record<string, string>>
  query: URLSearchParams
  /** The body parsed as JSON; undefined if there is none. @throws Refusal 400 `parseError`. */
  json(): unknown
  /** The fault that hits this call, for the modes that corrupt. */
  fault: Fault | undefined
}

/** One operation of a service. */
export interface Route {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** e.g. `/storage/v1/b/{bucket}/o/{object}`; a name in braces is one part, percent-encoded. */
  path: string
  /** As in Google's reference, e.g. `storage.objects.get`. */
  operation: string
  mutating: boolean
  /** Where one path serves several operations (`alt=media`, `uploadType`): is it this one? */
  when?: (request: PlainRequest) => boolean
  /** Answers; throws Refusal. */
  answer: (ask: Ask) => PlainReply | Promise<PlainReply>
  /** Errors in the form of newer services; default is Compute's. */
  form?: 'rpc'
}

export interface Match {
  route: Route
  path: Record<string, string>
}

/** Finds routes by method and path. */
export function createRouter(routes: readonly Route[]): (request: PlainRequest) => Match | undefined {
  const compiled = routes.map((route) => ({ route, pattern: patternOf(route.path) }))
  return (request) => {
    for (const { route, pattern } of compiled) {
      if (route.method !== request.method) continue
      const found = pattern.exec(request.url.pathname)
      if (!found || route.when?.(request) === false) continue
      const groups = found.groups ?? {}
      return {
        route,
        path: Object.fromEntries(Object.entries(groups).map(([name, part]) => [name, decode(part)])),
      }
    }
    return undefined
  }
}

/** The body as JSON. */
export function parseJson({ body }: PlainRequest): unknown {
  if (body.length === 0) return undefined
  try {
    return JSON.parse(body.toString()) as unknown
  } catch {
    throw new Refusal(400, 'parseError', 'Parse Error')
  }
}

const patternOf = (template: string): RegExp =>
  new RegExp(`^${template.replaceAll(/[.:]/g, '\\$&').replaceAll(/\{(\w+)\}/g, '(?<$1>[^/]+)')}$`)

function decode(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    throw new Refusal(400, 'badRequest', `Invalid path part: ${part}`)
  }
}
