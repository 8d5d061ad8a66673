import { operations, type Operation } from '#shared/clouds/operations.ts'
import type { Cloud, CreateVm } from '#shared/clouds/port.ts'
import type { Call, LoopbackCloud } from '#test/clouds/core/types.ts'

/** Which vendor operations arrived while which operation of the port ran. */
export interface Trace {
  /** By operation: every vendor operation seen while it ran. */
  readonly seen: ReadonlyMap<Operation, ReadonlySet<string>>
  /** By operation: those seen that its declaration (with those of the wishes in the same call) does not name. */
  readonly undeclared: ReadonlyMap<Operation, ReadonlySet<string>>
}

export interface Tracer {
  readonly trace: Trace
  /** The same cloud, watched. */
  watch(cloud: Cloud): Cloud
}

/**
 * Watches a cloud by the call log of its loopback. Of operations that run at the same time nothing is noted, because the log does not say whose
 * call it is.
 * @param ignored vendor operations that come with any call, such as signing in.
 */
export function createTracer(
  loopback: Pick<LoopbackCloud, 'calls'>,
  declared: Cloud['capabilities']['operations'],
  ignored: readonly string[],
): Tracer {
  const seen = new Map<Operation, Set<string>>()
  const undeclared = new Map<Operation, Set<string>>()
  const running = new Set<{ alone: boolean }>()

  const note = (of: readonly Operation[], calls: ReadonlySet<string>) => {
    const known = new Set(of.flatMap((operation) => callsOf(declared, operation)))
    for (const operation of of) for (const call of calls) add(seen, operation, call)
    const [first] = of
    if (first === undefined) return
    for (const call of calls) if (!known.has(call)) add(undeclared, first, call)
  }
  const begin: Begin = (of) => {
    const run = { alone: running.size === 0 }
    for (const other of running) other.alone = false
    running.add(run)
    const lastSeq = loopback.calls().at(-1)?.seq ?? 0
    return () => {
      running.delete(run)
      const calls = new Set(callsAfter(loopback, lastSeq).map(({ operation }) => operation))
      for (const each of ignored) calls.delete(each)
      if (run.alone) note(of, calls)
    }
  }

  return {
    trace: { seen, undeclared },
    watch: (cloud) => watched(cloud, '', begin),
  }
}

/** The vendor operations that a cloud declares for an operation. */
export function callsOf(
  declared: Partial<Cloud['capabilities']['operations']>,
  operation: Operation,
): readonly string[] {
  const capability = declared[operation]
  return capability !== undefined && 'calls' in capability ? capability.calls : []
}

/** From the end: the log is long, and an operation makes few calls. */
function callsAfter({ calls }: Pick<LoopbackCloud, 'calls'>, lastSeq: number): readonly Call[] {
  const all = calls()
  return all.slice(all.findLastIndex(({ seq }) => seq <= lastSeq) + 1)
}

/** Notes the beginning of an operation; what it gives notes the end. */
type Begin = (of: readonly Operation[]) => () => void
type AnyFunction = (...given: unknown[]) => unknown

/** Every function below `path`, and of the disks that are opened, is watched. */
function watched<T extends object>(target: T, path: string, begin: Begin, opened?: Operation): T {
  return new Proxy(target, {
    get(from, key) {
      const value: unknown = Reflect.get(from, key)
      if (typeof key === 'symbol') return value
      const name = path === '' ? key : `${path}.${key}`
      if (typeof value === 'function') {
        const call = (value as AnyFunction).bind(from)
        return (...given: unknown[]) => {
          const of = opened === undefined ? operationsOf(name, given) : [opened]
          return of.length === 0 ? call(...given) : outcome(() => call(...given), of, begin)
        }
      }
      const isFacet = opened === undefined && facets.has(name)
      return isFacet && typeof value === 'object' && value !== null ? watched(value, name, begin) : value
    },
  })
}

/** A promise and each step of an iteration are watched for as long as they last. */
function outcome(call: () => unknown, of: readonly Operation[], begin: Begin): unknown {
  const end = begin(of)
  let answer: unknown
  try {
    answer = call()
  } catch (error) {
    end()
    throw error
  }
  if (isPromise(answer)) {
    return answer.then((value) => (isDisk(value) ? watched(value, '', begin, of[0]) : value)).finally(end)
  }
  end()
  return isIterable(answer) ? iteration(answer, of, begin) : answer
}

async function* iteration(of: AsyncIterable<unknown>, operation: readonly Operation[], begin: Begin) {
  const iterator = of[Symbol.asyncIterator]()
  try {
    for (;;) {
      const end = begin(operation)
      const { done, value } = await iterator.next().finally(end)
      if (done === true) return
      yield value
    }
  } finally {
    await iterator.return?.()
  }
}

const isPromise = (value: unknown): value is Promise<unknown> => value instanceof Promise
const isIterable = (value: unknown): value is AsyncIterable<unknown> =>
  typeof value === 'object' && value !== null && Symbol.asyncIterator in value
const isDisk = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && 'preferredChunkBytes' in value

const facets = new Set(
  Object.keys(operations).flatMap((operation) => {
    const parts = operation.split('.')
    return parts.slice(1).map((_, index) => parts.slice(0, index + 1).join('.'))
  }),
)

/** The operations that a call of the port is: the one of its name, and its wishes. */
function operationsOf(name: string, [first, , third]: unknown[]): Operation[] {
  if (name === 'compute.create') return ['compute.create', ...wishesOf(first as CreateVm)]
  if (name === 'compute.resize' && (third as { live?: boolean } | undefined)?.live)
    return ['compute.resize.live']
  if (name === 'disks.createDisk' && (first as { parent?: unknown }).parent !== undefined)
    return ['disks.createDisk', 'disks.write_delta']
  if (name === 'prices.list') return ['prices.list', 'prices.list.spot']
  const operation = synonyms[name] ?? name
  return operation in operations ? [operation as Operation] : []
}

function wishesOf({ spot, tenancy, placementGroup, detailedMonitoring, encryption }: CreateVm): Operation[] {
  const wishes: [boolean, Operation][] = [
    [spot !== undefined, 'compute.create.spot'],
    [spot?.maxHourlyPrice !== undefined, 'compute.create.spot_price_cap'],
    [tenancy === 'dedicated', 'compute.create.dedicated'],
    [placementGroup !== undefined, 'compute.create.placement_group'],
    [detailedMonitoring === true, 'compute.create.detailed_monitoring'],
    [encryption?.keyId !== undefined, 'compute.create.customer_key'],
  ]
  return wishes.filter(([wished]) => wished).map(([, operation]) => operation)
}

const synonyms: Readonly<Record<string, Operation>> = {
  'disks.snapshotState': 'disks.getSnapshot',
  'disks.openDiskForWrite': 'disks.write',
}

function add(to: Map<Operation, Set<string>>, operation: Operation, call: string): void {
  const calls = to.get(operation) ?? new Set<string>()
  to.set(operation, calls.add(call))
}
