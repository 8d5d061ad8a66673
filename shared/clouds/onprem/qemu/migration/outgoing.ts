import type { MachineSpec } from '#shared/clouds/onprem/host.ts'
import type { QemuHost } from '#shared/clouds/onprem/qemu/base.ts'
import { findJob, type Monitor } from '#shared/clouds/onprem/qemu/monitor.ts'
import { pause } from '#shared/clouds/scope.ts'

/** Name of the job that mirrors a disk, and of the node it writes to. */
export const mirrorOf = (device: string): string => `out-${device}`

/** Takes back a move that did not come about: nothing is mirrored or sent any more, and the guest runs. Nothing under way is fine. */
export const letGo = (host: QemuHost, spec: MachineSpec): Promise<void> =>
  host.monitor(spec.id, async (monitor) => {
    const stopped = await cancelMemory(monitor)
    for (const { device } of spec.disks) await endMirror(monitor, device, { force: true })
    if (stopped) await monitor.execute('cont')
  })

/**
 * Ends sending its memory. @returns whether the guest stands still because of that: also one whose memory was sent to the end runs on as if
 * nothing had been, because what was sent was never run.
 */
export async function cancelMemory(monitor: Monitor): Promise<boolean> {
  const { status } = await monitor.execute<{ status?: string }>('query-migrate')
  const before = await stateOf(monitor)
  if (status === undefined || ended.has(status)) return standsForIt.has(before)
  if (status !== 'completed') {
    await monitor.execute('migrate_cancel')
    for (let delayMs = 2; ; delayMs = Math.min(100, delayMs * 1.5)) {
      const now = (await monitor.execute<{ status?: string }>('query-migrate')).status
      if (now === undefined || ended.has(now)) break
      await pause(delayMs)
    }
  }
  return (await stateOf(monitor)) !== 'running'
}

/** Ends mirroring a disk. `force`: at once, whatever is missing; else what is there is whole. */
export async function endMirror(
  monitor: Monitor,
  device: string,
  { force }: { force: boolean },
): Promise<void> {
  const name = mirrorOf(device)
  const job = await findJob(monitor, name)
  if (job) {
    // One whose far end died has concluded by itself.
    if (job.status !== 'concluded') await monitor.execute('block-job-cancel', { device: name, force })
    await monitor.waitForJob(name).catch((error: unknown) => {
      if (!force) throw error
    })
    if (await findJob(monitor, name)) await monitor.execute('job-dismiss', { id: name })
  }
  const nodes = await monitor.execute<{ 'node-name': string }[]>('query-named-block-nodes', { flat: true })
  if (nodes.some((node) => node['node-name'] === name))
    await monitor.execute('blockdev-del', { 'node-name': name })
}

const stateOf = async (monitor: Monitor): Promise<string> =>
  (await monitor.execute<{ status: string }>('query-status')).status

/** Words of `query-migrate` (QEMU's QMP reference, MigrationStatus). */
const ended: ReadonlySet<string> = new Set(['none', 'failed', 'cancelled'])
const standsForIt: ReadonlySet<string> = new Set(['finish-migrate', 'postmigrate'])
