import { randomUUID } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import { hasEnded, thisProcess, type Holder } from '#shared/clouds/onprem/holder.ts'
import type { HostRecords } from '#shared/clouds/onprem/host.ts'
import { refusal } from '#shared/clouds/onprem/refusals.ts'
import { beyondSteps, pause, withCallScope } from '#shared/clouds/scope.ts'

/** Turns between all processes that use a host. */
export interface Turns {
  /**
   * Runs `work` while nobody else runs work under the same name on this host. `name`: letters, digits and dashes.
   * @throws CloudError `conflict` (retryable) if somebody else does for long.
   */
  alone<T>(name: string, work: () => Promise<T>): Promise<T>
  /** Is somebody at work under this name? One that died on another machine counts for up to 20 s. */
  held(name: string): Promise<boolean>
}

/**
 * A turn is a record that only one can insert. Its holder renews it for as long as it works; one whose time is up, or whose process
 * is gone, has a dead holder, and is taken over by the one who inserts the claim to it. Clocks of workers may differ by some seconds.
 */
export function createTurns(records: HostRecords, host: string): Turns {
  const here = new Map<string, Promise<unknown>>()
  const guarded = async <T>(name: string, work: () => Promise<T>): Promise<T> => {
    const by = randomUUID()
    working.add(by)
    let stop = () => Promise.resolve(false)
    try {
      await take(records, host, name, by)
      stop = keep(records, name, by)
      return await work()
    } finally {
      // Also when the step has ended meanwhile: whoever takes its work back would wait for the turn's time.
      if (await stop())
        await withCallScope(beyondSteps(), () => records.remove('turn', name)).catch(() => undefined)
      working.delete(by)
    }
  }
  return {
    async alone(name, work) {
      // Within a process they queue, which needs no asking of the host.
      const before = here.get(name) ?? Promise.resolve()
      const mine = before.catch(() => undefined).then(() => guarded(name, work))
      here.set(name, mine)
      try {
        return await mine
      } finally {
        if (here.get(name) === mine) here.delete(name)
      }
    },
    async held(name) {
      const turn = await read(records, name)
      return turn !== undefined && !(await isOver(turn))
    },
  }
}

/** Who works in this process. A turn of another of its own is of one that was cut off before it knew that it had it. */
const working = new Set<string>()

interface Turn {
  by: string
  untilMs: number
  holder?: Holder
}

/** Its holder died or has gone on to something else: its time is up, the process is gone from this machine, or is this one and knows nothing of it. */
async function isOver({ by, untilMs, holder }: Turn): Promise<boolean> {
  if (untilMs < Date.now()) return true
  if (holder === undefined) return false
  return isDeepStrictEqual(holder, await thisProcess()) ? !working.has(by) : hasEnded(holder)
}

async function take(records: HostRecords, host: string, name: string, by: string): Promise<void> {
  const giveUpMs = performance.now() + 2 * turnMs
  for (;;) {
    if (await insert(records, name, by)) return
    const seen = await read(records, name)
    if (seen !== undefined && (await isOver(seen)) && (await takeOver(records, name, seen, by))) return
    if (performance.now() > giveUpMs)
      throw refusal('records', `Host ${host}: ${name} is being worked on by another worker.`, {
        code: 'conflict',
        kind: 'retryable',
        remedy: 'It is tried again.',
      })
    await pause(5 + Math.random() * 20)
  }
}

/** Renews a turn until it is stopped, or was not renewed in time: then somebody else may have it, and stopping says false. */
function keep(records: HostRecords, name: string, by: string): () => Promise<boolean> {
  let keptUntilMs = Date.now() + turnMs
  let renewing = Promise.resolve()
  const renew = async () => {
    if (keptUntilMs < Date.now()) return
    const next = await turnOf(by)
    await records.put('turn', name, next)
    keptUntilMs = next.untilMs
  }
  const renewal = setInterval(() => {
    renewing = renewing.then(renew).catch(() => undefined)
  }, turnMs / 3).unref()
  return async () => {
    clearInterval(renewal)
    await renewing
    return keptUntilMs >= Date.now()
  }
}

/** A lost reply is no reason to wait for oneself: what was inserted can be read back. */
async function insert(records: HostRecords, name: string, by: string): Promise<boolean> {
  try {
    return await records.insert('turn', name, await turnOf(by))
  } catch (error) {
    if ((await read(records, name).catch(() => undefined))?.by === by) return true
    throw error
  }
}

async function takeOver(records: HostRecords, name: string, stale: Turn, by: string): Promise<boolean> {
  const claim = `${name}-after-${stale.by}`
  if (!(await records.insert('turn', claim, await turnOf(by)))) {
    const other = await read(records, claim)
    if (other !== undefined && (await isOver(other))) await records.remove('turn', claim)
    return false
  }
  try {
    // Who comes late finds that the turn is not the stale one any more.
    if ((await read(records, name))?.by !== stale.by) return false
    await records.put('turn', name, await turnOf(by))
    return true
  } finally {
    await records.remove('turn', claim).catch(() => undefined)
  }
}

const read = async (records: HostRecords, name: string) =>
  (await records.get('turn', name)) as Turn | undefined

async function turnOf(by: string): Promise<Turn> {
  const holder = await thisProcess()
  return { by, untilMs: Date.now() + turnMs, ...(holder ? { holder } : {}) }
}

/** Long enough for a worker that is slow for a moment, short enough for what a dead one left to be taken up. */
const turnMs = 20_000
