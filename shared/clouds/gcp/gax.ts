import { createRequire } from 'node:module'
import type { fallback } from 'google-gax'

/** The library below the clients of Compute Engine, as they take it. */
export type Gax = typeof fallback

/**
 * Loads the library with a knowledge of these services alone. Left to themselves, the clients build the types of all hundred services (1.1 s and 170 MB of
 * processor and memory, measured), and each takes the digest of their whole description (12 MB of JSON) to find out that it is known
 * already (0.1 s).
 * @param services by their names in the description, e.g. `Instances`; the same ones each time.
 */
export function loadGax(services: readonly string[]): Gax {
  if (gax) return gax
  // The copy that the clients themselves use.
  const loaded = createRequire(import.meta.resolve('@google-cloud/compute'))('google-gax/fallback') as Gax
  const roots = new Map<object, ReturnType<InstanceType<Gax['GrpcClient']>['loadProtoJSON']>>()
  class GrpcClient extends loaded.GrpcClient {
    override loadProtoJSON(json: object) {
      const root = roots.get(json) ?? this.loadProto(partOf(json, services))
      roots.set(json, root)
      return root
    }
  }
  const own = { ...loaded, GrpcClient }
  gax = Object.assign(own, { fallback: own })
  return gax
}

let gax: Gax | undefined

/** A namespace, message, enumeration or service in protobuf's own JSON form. */
interface Description {
  nested?: Record<string, Description>
  fields?: Record<string, { type: string }>
  methods?: Record<string, { requestType: string; responseType: string }>
}

/** The description of some services: with all that their requests and replies are made of. */
function partOf(all: Description, services: readonly string[]): Description {
  const types = home.reduce<Description | undefined>((at, name) => at?.nested?.[name], all)?.nested
  if (types === undefined) return all
  const kept: Record<string, Description> = {}
  const keep = (name: string) => {
    const own = types[name]
    if (own === undefined || name in kept) return
    kept[name] = own
    for (const named of namesIn(own)) keep(named)
  }
  for (const service of services) keep(service)
  return withNested(all, home, kept)
}

/** Where Compute Engine's types are, one beside the other. */
const home = ['google', 'cloud', 'compute', 'v1']

/** First parts of the names of types that something is made of. */
function* namesIn({ nested = {}, fields = {}, methods = {} }: Description): Generator<string> {
  const local = (name: string) => name.replace(/^\.?google\.cloud\.compute\.v1\./, '').split('.', 1)[0] ?? ''
  for (const { type } of Object.values(fields)) yield local(type)
  for (const { requestType, responseType } of Object.values(methods)) {
    yield local(requestType)
    yield local(responseType)
  }
  for (const inner of Object.values(nested)) yield* namesIn(inner)
}

function withNested(
  { nested = {}, ...rest }: Description,
  [name, ...further]: readonly string[],
  replacement: Record<string, Description>,
): Description {
  if (name === undefined) return { ...rest, nested: replacement }
  return { ...rest, nested: { ...nested, [name]: withNested(nested[name] ?? {}, further, replacement) } }
}
