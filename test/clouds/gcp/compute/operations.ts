import { createHash } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import type { PlainReply } from '#test/clouds/core/server.ts'
import type { ComputeAsk, Handlers } from '#test/clouds/gcp/compute/handler.ts'
import { regionOf } from '#test/clouds/gcp/compute/places.ts'
import { newNumber, type Operation, type Thing } from '#test/clouds/gcp/compute/world.ts'
import { json, Refusal } from '#test/clouds/gcp/refusal.ts'
import type { World } from '#test/clouds/gcp/world.ts'

/**
 * Does a changing call once for its `requestId`: asked again with the same, it answers with the operation of the first time; with the same id
 * and another request it refuses. `change` checks, makes the change and says what it was about.
 */
export async function changing(
  ask: ComputeAsk,
  type: string,
  change: () => Promise<Change> | Change,
): Promise<PlainReply> {
  const { world, query } = ask
  const requestId = query.get('requestId')
  if (requestId !== null && !uuid.test(requestId))
    throw new Refusal(
      400,
      'invalid',
      `Invalid value for field 'requestId': '${requestId}'. Must be a valid UUID.`,
    )
  const digest = createHash('sha256')
    .update(`${ask.operation} ${ask.request.url.pathname} `)
    .update(ask.request.body)
    .digest('hex')
  const known = requestId === null ? undefined : world.compute.requests.get(requestId)
  if (known && known.digest !== digest)
    throw new Refusal(
      400,
      'invalid',
      `Invalid value for field 'requestId': '${requestId}'. The ID was used with another request.`,
    )
  const earlier = known && world.compute.operations.get(known.operation)
  if (earlier) return json(200, operationView(world, earlier))
  const operation = begin(world, type, await change())
  if (requestId !== null) world.compute.requests.set(requestId, { digest, operation: operation.name })
  return json(200, operationView(world, operation))
}

/** What a call changes: a thing, or the path of one that is not there any more. */
export interface Change {
  target: Pick<Thing, 'path' | 'id'>
  /** Until the operation is done; default is the usual delay. */
  afterMs?: number
  error?: Operation['error']
  /** What goes on after the reply: the operation is not done before it, and gives the error that it ends with. */
  work?: Promise<Operation['error']>
}

/** An operation that is accepted and then fails: how the service tells of a zone without room. */
export function failedOperation(
  ask: Pick<ComputeAsk, 'world' | 'path'> & { operation: string },
  code: string,
): PlainReply {
  const { world, path } = ask
  const place = path['zone']
    ? `zones/${path['zone']}`
    : path['region']
      ? `regions/${path['region']}`
      : 'global'
  const target = {
    path: `projects/${world.project}/${place}/${ask.operation.split('.')[1]}/none`,
    id: newNumber(),
  }
  const message = messages[code]?.(`projects/${world.project}/${place}`) ?? `Injected: ${code}`
  const operation = begin(world, ask.operation.split('.').at(-1) ?? '', {
    target,
    error: { code, message, httpStatus: /QUOTA/.test(code) ? 403 : 503 },
  })
  return json(200, operationView(world, operation))
}

const messages: Record<string, (place: string) => string> = {
  ZONE_RESOURCE_POOL_EXHAUSTED: (place) =>
    `The zone '${place}' does not have enough resources available to fulfill the request. Try a different zone, or try again later.`,
  QUOTA_EXCEEDED: () => `Quota 'CPUS' exceeded. Limit: 24.0 in region us-central1.`,
}

/** `get` and `wait` of zone, region and global operations. */
export const operationHandlers: Handlers = Object.fromEntries(
  (['zoneOperations', 'regionOperations', 'globalOperations'] as const).flatMap((service) => [
    [`compute.${service}.get`, (ask: ComputeAsk) => json(200, operationView(ask.world, find(ask)))],
    [
      `compute.${service}.wait`,
      async (ask: ComputeAsk) => {
        const operation = find(ask)
        if (operation.work) await Promise.race([operation.work, delay(120_000, undefined, { ref: false })])
        const leftMs = operation.endsMs - ask.world.clock.now()
        if (leftMs > 0 && leftMs < Infinity) await delay(Math.min(leftMs, 120_000))
        return json(200, operationView(ask.world, operation))
      },
    ],
  ]),
)

function begin(
  world: World,
  type: string,
  { target, afterMs = world.delays.operation, error, work }: Change,
): Operation {
  const [, zone] = /\/zones\/([^/]+)\//.exec(target.path) ?? []
  const [, region] = /\/regions\/([^/]+)\//.exec(target.path) ?? []
  const nowMs = world.clock.now()
  const operation: Operation = {
    name: `operation-${nowMs}-${newNumber()}`,
    id: newNumber(),
    type,
    target: target.path,
    targetId: target.id,
    zone,
    region,
    startedMs: nowMs,
    endsMs: work === undefined ? nowMs + afterMs : Infinity,
    error,
    work,
  }
  if (work !== undefined) {
    const end = (failed: Operation['error']) => {
      operation.error = failed
      operation.endsMs = Math.max(nowMs + afterMs, world.clock.now())
    }
    world.later(work.then(end))
  }
  world.compute.operations.set(operation.name, operation)
  return operation
}

function find({ world, path, operation: asked }: ComputeAsk): Operation {
  const operation = world.compute.operations.get(path['operation'] ?? '')
  if (path['zone'] !== undefined) regionOf(world, path['zone'])
  const fits = asked.includes('global')
    ? operation?.zone === undefined && operation?.region === undefined
    : asked.includes('zone')
      ? operation?.zone === path['zone']
      : operation?.region === path['region']
  if (operation && fits) return operation
  throw new Refusal(404, 'notFound', `The resource 'operations/${path['operation']}' was not found`)
}

function operationView(world: World, operation: Operation) {
  const { zone, region, error } = operation
  const base = `${world.url()}/compute/v1/`
  const place = zone === undefined ? (region === undefined ? 'global' : `regions/${region}`) : `zones/${zone}`
  const nowMs = world.clock.now()
  const done = nowMs >= operation.endsMs
  const at = (ms: number) => new Date(ms).toISOString()
  return {
    kind: 'compute#operation',
    id: operation.id,
    name: operation.name,
    operationType: operation.type,
    targetLink: base + operation.target,
    targetId: operation.targetId,
    user: `novacron@${world.project}.iam.gserviceaccount.com`,
    status: done ? 'DONE' : nowMs - operation.startedMs < 2 ? 'PENDING' : 'RUNNING',
    progress: done ? 100 : 0,
    insertTime: at(operation.startedMs),
    startTime: at(operation.startedMs),
    ...(done ? { endTime: at(operation.endsMs) } : {}),
    ...(done && error
      ? {
          error: { errors: [{ code: error.code, message: error.message }] },
          httpErrorStatusCode: error.httpStatus,
          httpErrorMessage: 'SERVICE UNAVAILABLE',
        }
      : {}),
    ...(zone === undefined ? {} : { zone: `${base}projects/${world.project}/zones/${zone}` }),
    ...(region === undefined ? {} : { region: `${base}projects/${world.project}/regions/${region}` }),
    selfLink: `${base}projects/${world.project}/${place}/operations/${operation.name}`,
  }
}

const uuid = /^[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}$/i
