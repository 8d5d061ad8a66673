import { HostError, type HostGate } from '#shared/clouds/onprem/gate.ts'
import { connectQmp, type QmpConnection, type QmpEvent } from '#shared/clouds/onprem/qemu/qmp.ts'
import { pause } from '#shared/clouds/scope.ts'

/** A conversation with one machine's QEMU (or a storage daemon); each command goes through the host's gate under its own name. */
export interface Monitor {
  execute<T = unknown>(command: string, args?: object, options?: { timeoutMs?: number }): Promise<T>
  onEvent(listener: (event: QmpEvent) => void): () => void
  readonly closed: Promise<void>
  /**
   * Waits until a background job of that id is `concluded` (or `ready`, for a mirror), polling, because its events go to whoever is connected.
   * A job that is not there counts as done. Leaves a concluded job there: `job-dismiss` forgets it.
   * @throws HostError `job_failed` with the job's own error.
   */
  waitForJob(id: string, options?: { until?: 'concluded' | 'ready'; onProgress?: JobProgress }): Promise<void>
}

export type JobProgress = (done: number, total: number) => void

export interface JobInfo {
  id: string
  type: string
  status: string
  'current-progress': number
  'total-progress': number
  error?: string
}

/** What `query-jobs` tells of one. */
export const findJob = async (monitor: Pick<Monitor, 'execute'>, id: string): Promise<JobInfo | undefined> =>
  (await monitor.execute<JobInfo[]>('query-jobs')).find((job) => job.id === id)

/**
 * Talks to whoever listens on one of the sockets, and hangs up. With several sockets, one that somebody else has is left for the next.
 * @param resource what messages speak of: the machine's id.
 * @throws CloudError `conflict` (retryable) if all are taken for `patienceMs`; HostError codes of qmp.ts through the gate.
 */
export async function withMonitor<T>(
  {
    gate,
    sockets,
    resource,
    patienceMs,
  }: { gate: HostGate; sockets: readonly string[]; resource: string; patienceMs: number },
  work: (monitor: Monitor) => Promise<T>,
): Promise<T> {
  // Known as soon as it is there, also if the call that made it is given up: who stays connected keeps all others out.
  const made: QmpConnection[] = []
  try {
    const connection = await gate(
      { operation: 'qmp_capabilities', mutating: false, resource, timeoutMs: patienceMs + 1000 },
      async (signal) => {
        const opened = await connectAny(sockets, patienceMs, signal)
        made.push(opened)
        return opened
      },
    )
    return await work(monitorOf(connection, gate, resource))
  } finally {
    for (const connection of made) connection.close()
  }
}

/** Takes turns, so that those of this process do not wait in each other's way; who comes from elsewhere is found by silence. */
async function connectAny(
  sockets: readonly string[],
  patienceMs: number,
  signal: AbortSignal,
): Promise<QmpConnection> {
  const untilMs = performance.now() + patienceMs
  for (let turn = 0; ; turn++) {
    signal.throwIfAborted()
    const path = leastUsed(sockets, turn)
    if (path === undefined) throw new HostError('guest_not_running', 'it has no monitor')
    try {
      return await connectCounted(path, signal)
    } catch (error) {
      const busy = error instanceof HostError && error.vendorCode === 'monitor_busy'
      if (!busy || performance.now() > untilMs) throw error
    }
  }
}

async function connectCounted(path: string, signal: AbortSignal): Promise<QmpConnection> {
  users.set(path, (users.get(path) ?? 0) + 1)
  const leave = () => {
    const left = (users.get(path) ?? 1) - 1
    if (left > 0) users.set(path, left)
    else users.delete(path)
  }
  try {
    const connection = await connectQmp(path, greetingTimeoutMs)
    void connection.closed.then(leave)
    // The gate has given up meanwhile: nobody would hang up.
    if (signal.aborted) connection.close()
    return connection
  } catch (error) {
    leave()
    throw error
  }
}

const leastUsed = (sockets: readonly string[], turn: number): string | undefined =>
  sockets
    .map((path, index) => ({
      path,
      rank: (users.get(path) ?? 0) * sockets.length + ((index + turn) % sockets.length),
    }))
    .toSorted((a, b) => a.rank - b.rank)[0]?.path

/** How many of this process are connected, or wait to be, by socket. */
const users = new Map<string, number>()

function monitorOf(connection: QmpConnection, gate: HostGate, resource: string): Monitor {
  const execute: Monitor['execute'] = (command, args, { timeoutMs } = {}) =>
    gate(
      {
        operation: command,
        mutating: !command.startsWith('query-'),
        resource,
        ...(timeoutMs === undefined ? {} : { timeoutMs }),
      },
      () => connection.execute(command, args),
    )
  return {
    execute,
    onEvent: (listener) => connection.onEvent(listener),
    closed: connection.closed,
    async waitForJob(id, { until = 'concluded', onProgress } = {}) {
      for (let delayMs = 2; ; delayMs = Math.min(100, delayMs * 1.5)) {
        const job = await findJob({ execute }, id)
        if (job === undefined) return
        onProgress?.(job['current-progress'], job['total-progress'])
        if (job.error !== undefined) throw new HostError('job_failed', `${job.type} ${id}: ${job.error}`)
        if (job.status === 'concluded' || job.status === until) return
        await pause(delayMs)
      }
    },
  }
}

/** A free monitor greets within a few ms; a loaded machine may take longer. */
const greetingTimeoutMs = 300
