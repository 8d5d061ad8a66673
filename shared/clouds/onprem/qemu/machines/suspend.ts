import { HostError } from '#shared/clouds/onprem/gate.ts'
import type { MachineSpec } from '#shared/clouds/onprem/host.ts'
import type { QemuHost } from '#shared/clouds/onprem/qemu/base.ts'
import { definitionOf, launchOf } from '#shared/clouds/onprem/qemu/machines/definition.ts'
import { plugAll } from '#shared/clouds/onprem/qemu/machines/disks.ts'
import { withLock } from '#shared/clouds/onprem/qemu/machines/locking.ts'
import {
  hasMemory,
  keepMemory,
  readMemory,
  writeMemory,
} from '#shared/clouds/onprem/qemu/machines/memory-file.ts'
import { receiveOnce, sendTo } from '#shared/clouds/onprem/qemu/machines/memory-stream.ts'
import { runState, see } from '#shared/clouds/onprem/qemu/machines/status.ts'
import { endProcess } from '#shared/clouds/onprem/qemu/machines/stop.ts'
import { removeTaps } from '#shared/clouds/onprem/qemu/networks/taps.ts'
import type { Monitor } from '#shared/clouds/onprem/qemu/monitor.ts'
import { pause } from '#shared/clouds/scope.ts'

/**
 * Keeps a machine's memory in a file and ends its process. QEMU may not open files that it was not started with, nor run programs, so it
 * sends its memory through a socket, as in a migration, and this process writes it. The guest stands still from the beginning; until its
 * memory is on disk it can go on at any time.
 */
export const suspendMachine = (host: QemuHost, id: string): Promise<void> =>
  withLock(host, id, async () => {
    const { spec } = await definitionOf(host, id)
    const sight = await see(host, id)
    if (sight?.state === 'saved') return
    if (!sight?.process) throw new HostError('guest_not_running', `machine ${id} is not running`)
    const state = await runState(host, id, host.context.requestTimeoutMs)
    const isKept = state === 'postmigrate' && (await hasMemory(host.layout.machine(id)))
    if (!isKept) await host.monitor(id, (monitor) => saveMemory(host, monitor, spec))
    await endProcess(host, id, sight.process)
    await removeTaps(host, spec)
  })

/** For a machine whose process waits for its memory; afterwards it stands where it was suspended. */
export async function restoreMemory(host: QemuHost, monitor: Monitor, spec: MachineSpec): Promise<void> {
  const paths = host.layout.machine(spec.id)
  await monitor.execute('migrate-incoming', { uri: `unix:${paths.migration}` })
  await host.gate(
    { operation: 'memory read', mutating: false, resource: spec.id, timeoutMs: Infinity },
    (signal) => sendTo(paths.migration, readMemory(paths, passphraseOf(host, spec)), signal),
  )
  await untilMigrated(monitor)
}

async function saveMemory(host: QemuHost, monitor: Monitor, spec: MachineSpec): Promise<void> {
  const paths = host.layout.machine(spec.id)
  // What is started to go on with it will have all the disks of the spec.
  await plugAll(host, monitor, spec, await launchOf(host, spec.id))
  await monitor.execute('stop')
  try {
    await monitor.execute('migrate-set-parameters', { 'max-bandwidth': unlimited })
    await host.gate(
      { operation: 'memory write', mutating: true, resource: spec.id, timeoutMs: Infinity },
      (signal) =>
        receiveOnce(paths.migration, signal, async (bytes, listening) => {
          await listening
          await monitor.execute('migrate', { uri: `unix:${paths.migration}` })
          await writeMemory(paths, bytes, passphraseOf(host, spec))
        }),
    )
    await untilMigrated(monitor)
    await host.gate({ operation: 'record put', mutating: true, resource: spec.id }, () => keepMemory(paths))
  } catch (error) {
    // Nothing is lost: its memory is still in its process.
    await monitor.execute('migrate_cancel').catch(() => undefined)
    if (!(await hasMemory(paths))) await monitor.execute('cont').catch(() => undefined)
    throw error
  }
}

/** @throws HostError `job_failed` with QEMU's reason. */
async function untilMigrated(monitor: Monitor): Promise<void> {
  for (let delayMs = 2; ; delayMs = Math.min(100, delayMs * 1.5)) {
    const answer = await monitor.execute<{ status?: string; 'error-desc'?: string }>('query-migrate')
    if (answer.status === 'completed') return
    if (answer.status === 'failed' || answer.status === 'cancelled')
      throw new HostError('job_failed', `its memory was not moved: ${answer['error-desc'] ?? answer.status}`)
    await pause(delayMs)
  }
}

/** Memory holds what the disks hold, so it is kept as they are. */
function passphraseOf({ context }: QemuHost, { disks }: MachineSpec): string | undefined {
  const keyName = disks.find(({ volume }) => volume.keyName !== undefined)?.volume.keyName
  return keyName === undefined ? undefined : context.passphrase(keyName)
}

/** Bytes a second; QEMU's own limit would be 128 MiB. */
const unlimited = 2 ** 40
