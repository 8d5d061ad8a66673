import { HostError } from '#shared/clouds/onprem/gate.ts'
import type { LiveMigration, LiveMigrationResult, MachineSpec } from '#shared/clouds/onprem/host.ts'
import type { QemuHost } from '#shared/clouds/onprem/qemu/base.ts'
import { definitionOf, writeDefinition } from '#shared/clouds/onprem/qemu/machines/definition.ts'
import { capabilitiesOfBoth } from '#shared/clouds/onprem/qemu/migration/destination.ts'
import { endMirror, mirrorOf } from '#shared/clouds/onprem/qemu/migration/outgoing.ts'
import { findJob, type Monitor } from '#shared/clouds/onprem/qemu/monitor.ts'
import { bitmapsOf, isTracked } from '#shared/clouds/onprem/qemu/volumes/backup/marks.ts'
import { pause } from '#shared/clouds/scope.ts'

/** Sends disks and memory, and lets the guest run at its new host. Throws while it is still here. */
export const switchOver = (
  host: QemuHost,
  there: QemuHost,
  spec: MachineSpec,
  options: LiveMigration,
): Promise<LiveMigrationResult> =>
  host.monitor(spec.id, (monitor) =>
    there.monitor(spec.id, async (far) => {
      const { arrival, migration } = there.layout.machine(spec.id)
      const diskBytes = await mirrorDisks(monitor, arrival, spec, options.onProgress)
      let stoppedAtMs: number | undefined
      const end = monitor.onEvent(({ event }) => {
        if (event === 'STOP') stoppedAtMs ??= performance.now()
      })
      try {
        const memoryBytes = await sendMemory(monitor, migration, spec, options)
        stoppedAtMs ??= performance.now()
        await handOver(host, there, spec, { monitor, far, options })
        return { downtimeMs: performance.now() - stoppedAtMs, memoryBytes, diskBytes }
      } finally {
        end()
      }
    }),
  )

/** Resolves once all that was on the disks is there; what the guest writes from now on goes to both. */
async function mirrorDisks(
  monitor: Monitor,
  socket: string,
  { disks }: MachineSpec,
  onProgress: LiveMigration['onProgress'],
): Promise<number> {
  for (const { device } of disks) {
    const name = mirrorOf(device)
    await monitor.execute('blockdev-add', {
      driver: 'nbd',
      'node-name': name,
      server: { type: 'unix', path: socket },
      export: device,
    })
    await monitor.execute('blockdev-mirror', {
      'job-id': name,
      device,
      target: name,
      sync: 'full',
      'auto-dismiss': false,
    })
  }
  const progress = disks.map(() => ({ done: 0, total: 0 }))
  for (const [index, { device }] of disks.entries()) {
    await monitor.waitForJob(mirrorOf(device), {
      until: 'ready',
      onProgress: (done, total) => {
        progress[index] = { done, total }
        onProgress?.(sum(progress.map((one) => one.done)), sum(progress.map((one) => one.total)))
      },
    })
  }
  const jobs = await Promise.all(disks.map(({ device }) => findJob(monitor, mirrorOf(device))))
  return sum(jobs.map((job) => job?.['current-progress'] ?? 0))
}

/** Resolves when the guest stands still with only the last of its memory to go. @throws HostError `too_busy` if that is not to be had in time. */
async function sendMemory(
  monitor: Monitor,
  socket: string,
  { disks }: MachineSpec,
  { maxDowntimeMs }: Pick<LiveMigration, 'maxDowntimeMs'>,
): Promise<number> {
  await monitor.execute('migrate-set-capabilities', {
    capabilities: [...capabilitiesOfBoth, { capability: 'auto-converge', state: true }],
  })
  await monitor.execute('migrate-set-parameters', {
    'max-bandwidth': unlimited,
    // The other half is for the disks and for going on.
    'downtime-limit': Math.max(1, Math.min(2_000_000, Math.floor(maxDowntimeMs / 2))),
    'block-bitmap-mapping': await marksOf(monitor, disks),
  })
  const arrived = Promise.withResolvers<void>()
  const stop = monitor.onEvent(({ event, data }) => {
    if (event === 'MIGRATION' && data['status'] === 'pre-switchover') arrived.resolve()
  })
  let over = false
  try {
    await monitor.execute('migrate', { uri: `unix:${socket}` })
    const looking = lookAtMemory(monitor, () => over)
    return await Promise.race([looking, arrived.promise.then(() => memoryOf(monitor))])
  } finally {
    over = true
    stop()
  }
}

/** Which marks go along, each under its own name: those that are worth something. One that is in use, or broken, would make QEMU refuse to go. */
async function marksOf(monitor: Monitor, disks: MachineSpec['disks']): Promise<object[]> {
  const mapping: object[] = []
  for (const { device } of disks) {
    const bitmaps = await bitmapsOf(monitor, device)
    const marks = bitmaps.filter(({ name }) => isTracked(bitmaps, name))
    mapping.push({
      'node-name': device,
      alias: device,
      bitmaps: marks.map(({ name }) => ({ name, alias: name })),
    })
  }
  return mapping
}

interface MigrationInfo {
  status?: string
  'error-desc'?: string
  ram?: { transferred: number; 'dirty-sync-count': number }
}

async function lookAtMemory(monitor: Monitor, isOver: () => boolean): Promise<number> {
  for (;;) {
    const info = await monitor.execute<MigrationInfo>('query-migrate')
    const { status = 'none', ram } = info
    if (status === 'pre-switchover' || isOver()) return ram?.transferred ?? 0
    if (status === 'failed' || status === 'cancelled') throw notSent(info)
    if ((ram?.['dirty-sync-count'] ?? 0) > rounds)
      throw new HostError(
        'too_busy',
        `after ${rounds} rounds the guest still changes its memory faster than it can be sent`,
      )
    await pause(20)
  }
}

const memoryOf = async (monitor: Monitor): Promise<number> =>
  (await monitor.execute<MigrationInfo>('query-migrate')).ram?.transferred ?? 0

/** The guest stands still. The last of the disks, the last of the memory, then it runs there. */
async function handOver(
  host: QemuHost,
  there: QemuHost,
  { id, disks }: MachineSpec,
  { monitor, far, options }: { monitor: Monitor; far: Monitor; options: LiveMigration },
): Promise<void> {
  const sinceMs = performance.now()
  for (const { device } of disks) await endMirror(monitor, device, { force: false })
  if (performance.now() - sinceMs > options.maxDowntimeMs / 2)
    throw new HostError(
      'too_busy',
      `the guest writes to its disks faster than the last of it can be sent within ${options.maxDowntimeMs} ms`,
    )
  // Two writers of one image are refused: the one from outside goes before the guest comes.
  await far.execute('nbd-server-stop')
  await monitor.execute('migrate-continue', { state: 'pre-switchover' })
  await untilCompleted(monitor, host.context.requestTimeoutMs)
  await untilCompleted(far, host.context.requestTimeoutMs)
  await writeLeftFor(host, id, there.name)
  await far.execute('cont')
}

/** From here on the machine is the other host's; it is never started here again. */
async function writeLeftFor(host: QemuHost, id: string, leftFor: string): Promise<void> {
  await writeDefinition(host, { ...(await definitionOf(host, id)), leftFor })
}

async function untilCompleted(monitor: Monitor, patienceMs: number): Promise<void> {
  const untilMs = performance.now() + patienceMs
  for (;;) {
    const info = await monitor.execute<MigrationInfo>('query-migrate')
    if (info.status === 'completed') return
    if (info.status === 'failed' || info.status === 'cancelled' || performance.now() > untilMs)
      throw notSent(info)
    await pause(1)
  }
}

const notSent = ({ status, 'error-desc': why }: MigrationInfo) =>
  new HostError('job_failed', `its memory was not sent: ${why ?? status}`)

const sum = (numbers: readonly number[]): number => numbers.reduce((total, each) => total + each, 0)

/** Bytes a second; QEMU's own limit would be 128 MiB. */
const unlimited = 2 ** 40
/** A guest that is not slowed down enough by then never will be. */
const rounds = 60
