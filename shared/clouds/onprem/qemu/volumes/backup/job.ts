import { createHash } from 'node:crypto'
import { HostError } from '#shared/clouds/onprem/gate.ts'
import type { BlockNode } from '#shared/clouds/onprem/qemu/volumes/graph.ts'
import type { Place } from '#shared/clouds/onprem/qemu/volumes/backup/places.ts'
import { findJob, type JobInfo, type Monitor } from '#shared/clouds/onprem/qemu/monitor.ts'
import { pause } from '#shared/clouds/scope.ts'

/** What a backup has in a QEMU: a job, the node that it writes to, and that node's secret. All are named after the target. */
export interface BackupJob {
  id: string
  node: string
  secretId: string
}

export function jobOf(target: string): BackupJob {
  const tag = createHash('sha256').update(target).digest('hex').slice(0, 20)
  return { id: `${jobPrefix}${tag}`, node: `${nodePrefix}${tag}`, secretId: `${nodePrefix}${tag}-key` }
}

const jobPrefix = 'backup-'
const nodePrefix = 'to-'

/** Gives a QEMU the file to write to. */
export async function addTarget(
  monitor: Monitor,
  { node, secretId }: BackupJob,
  definition: BlockNode,
  passphrase: string | undefined,
): Promise<void> {
  if (passphrase !== undefined)
    await monitor.execute('object-add', { 'qom-type': 'secret', id: secretId, data: passphrase })
  await monitor.execute('blockdev-add', { ...definition, 'node-name': node })
}

/**
 * Waits, in short talks, until the job has concluded. Bytes that it has copied.
 * @throws HostError `job_failed` with its error; `timeout` if it has not moved for `stallMs`.
 */
export async function awaitJob(
  { ask }: Place,
  { id }: BackupJob,
  { stallMs, onProgress }: { stallMs: number; onProgress?: (done: number, total: number) => void },
): Promise<number> {
  let last = -1
  let movedMs = performance.now()
  for (let delayMs = 5; ; delayMs = Math.min(250, delayMs * 1.5)) {
    const job = await ask((monitor) => findJob(monitor, id))
    if (job === undefined) throw new HostError('job_failed', 'the copy was ended by somebody else')
    const done = job['current-progress']
    if (done !== last) [last, movedMs] = [done, performance.now()]
    onProgress?.(done, job['total-progress'])
    if (job.error !== undefined) throw new HostError('job_failed', job.error)
    if (job.status === 'concluded') return done
    if (performance.now() - movedMs > stallMs)
      throw new HostError('timeout', `the copy has not moved for ${stallMs} ms`)
    await pause(delayMs)
  }
}

/** Ends the job if it runs, and takes away all that it has; not there is fine. */
export async function endJob(place: Place, wanted: BackupJob): Promise<void> {
  for (;;) {
    const job = await place.ask((monitor) => findJob(monitor, wanted.id))
    if (job === undefined) break
    await place.ask((monitor) => endOrDismiss(monitor, job))
    await pause(5)
  }
  await place.ask((monitor) => removeTarget(monitor, wanted))
}

async function endOrDismiss(monitor: Monitor, { id, status }: JobInfo): Promise<void> {
  if (status === 'concluded') await monitor.execute('job-dismiss', { id })
  else if (!ending.has(status)) await monitor.execute('block-job-cancel', { device: id, force: true })
}

const ending: ReadonlySet<string> = new Set(['aborting', 'waiting', 'pending', 'null', 'undefined'])

async function removeTarget(monitor: Monitor, { node, secretId }: BackupJob): Promise<void> {
  const nodes = await monitor.execute<{ 'node-name': string }[]>('query-named-block-nodes', { flat: true })
  if (nodes.some((each) => each['node-name'] === node))
    await monitor.execute('blockdev-del', { 'node-name': node })
  // A storage daemon cannot list its objects (no qom-list): it is asked to forget, and told so if there was none.
  await monitor.execute('object-del', { id: secretId }).catch((error: unknown) => {
    if (!(error instanceof Error && /not found/.test(error.message))) throw error
  })
}
