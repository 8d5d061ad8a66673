import { rm } from 'node:fs/promises'
import type { QemuHost } from '#shared/clouds/onprem/qemu/base.ts'
import { withAgent } from '#shared/clouds/onprem/qemu/machines/agent.ts'
import { definitionOf, launchOf, readDefinition } from '#shared/clouds/onprem/qemu/machines/definition.ts'
import { plugAll } from '#shared/clouds/onprem/qemu/machines/disks.ts'
import { removeLeftovers, removeSockets } from '#shared/clouds/onprem/qemu/machines/launch.ts'
import { withLock } from '#shared/clouds/onprem/qemu/machines/locking.ts'
import { dropMemory } from '#shared/clouds/onprem/qemu/machines/memory-file.ts'
import { runState, see } from '#shared/clouds/onprem/qemu/machines/status.ts'
import type { Monitor } from '#shared/clouds/onprem/qemu/monitor.ts'
import { removeTaps } from '#shared/clouds/onprem/qemu/networks/taps.ts'
import { killProcess, waitForEnd, type ProcessId } from '#shared/clouds/onprem/qemu/process.ts'

/** Asks the guest to shut down, by its agent and by ACPI each second; cuts the power after the grace. */
export async function shutdownMachine(host: QemuHost, id: string): Promise<void> {
  const { process } = (await see(host, id)) ?? {}
  if (process && (await runState(host, id, host.context.requestTimeoutMs)) === 'running')
    await askToShutDown(host, id, process)
  await powerOffMachine(host, id)
}

/** Cuts the power. What is kept of its memory goes, too. */
export const powerOffMachine = (host: QemuHost, id: string): Promise<void> =>
  withLock(host, id, () => powerOffLocked(host, id))

/** For those who hold the machine's lock. */
export async function powerOffLocked(host: QemuHost, id: string): Promise<void> {
  const sight = await see(host, id)
  if (!sight) return
  if (sight.process) await endProcess(host, id, sight.process)
  await cleanUp(host, id)
}

/** By the guest's agent where it answers, else as by the reset button. */
export async function restartMachine(host: QemuHost, id: string): Promise<void> {
  const { spec } = await definitionOf(host, id)
  const launch = await launchOf(host, id)
  const asked = await withAgent(host, id, async (agent) => {
    await agent.send('guest-shutdown', { mode: 'reboot' })
    return true
  })
  await host.monitor(id, async (monitor) => {
    if (asked && (await isReset(monitor, host.context.shutdownGraceMs))) return
    const reset = isReset(monitor, resetLimitMs)
    await monitor.execute('system_reset')
    await reset
    await plugAll(host, monitor, spec, launch)
    await monitor.execute('cont')
  })
}

/** Whether the machine is reset within a time, by whomever. */
function isReset(monitor: Monitor, limitMs: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>()
  const timer = setTimeout(() => resolve(false), limitMs)
  const stop = monitor.onEvent(({ event }) => event === 'RESET' && resolve(true))
  void monitor.closed.then(() => resolve(false))
  return promise.finally(() => {
    clearTimeout(timer)
    stop()
  })
}

/** Ends a process in order, so that its disks are closed well and marks of changes are kept; if it does not listen, by force. */
export async function endProcess(host: QemuHost, id: string, process: ProcessId): Promise<void> {
  await host
    .monitor(id, (monitor) => monitor.execute('quit', undefined, { timeoutMs: quitLimitMs }))
    .catch(ignoreSilence)
  const ended = await host.gate(
    { operation: 'process wait', mutating: false, resource: id, timeoutMs: Infinity },
    (signal) => waitForEnd(process, quitLimitMs, signal),
  )
  if (!ended) await host.gate({ operation: 'kill', mutating: true, resource: id }, () => killProcess(process))
}

/** After its end, however it came: no socket, pid file, tap or memory of it stays. The console does. */
async function cleanUp(host: QemuHost, id: string): Promise<void> {
  const paths = host.layout.machine(id)
  await host.gate({ operation: 'record remove', mutating: true, resource: id }, async () => {
    await removeSockets(paths)
    await dropMemory(paths)
  })
  const definition = await readDefinition(host, id)
  if (definition) await removeTaps(host, definition.spec)
}

/** Removes all that is a machine's, but not its volumes. For those who hold its lock. */
export async function removeMachineFiles(host: QemuHost, id: string): Promise<void> {
  const paths = host.layout.machine(id)
  await host.gate({ operation: 'record remove', mutating: true, resource: id }, async () => {
    await removeLeftovers(paths)
    // What is written down goes last: until then it can be found, and be removed again.
    await rm(paths.run, { recursive: true, force: true })
    await rm(paths.folder, { recursive: true, force: true })
    await rm(paths.lock, { force: true })
  })
}

async function askToShutDown(host: QemuHost, id: string, process: ProcessId): Promise<void> {
  const untilMs = performance.now() + host.context.shutdownGraceMs
  await withAgent(host, id, (agent) => agent.send('guest-shutdown', { mode: 'powerdown' })).catch(
    ignoreSilence,
  )
  for (;;) {
    const leftMs = untilMs - performance.now()
    if (leftMs <= 0) return
    await host.monitor(id, (monitor) => monitor.execute('system_powerdown')).catch(ignoreSilence)
    // Sent the moment a guest comes up it may be lost, so it is sent again.
    const ended = await host.gate(
      { operation: 'process wait', mutating: false, resource: id, timeoutMs: Infinity },
      (signal) => waitForEnd(process, Math.min(1_000, leftMs), signal),
    )
    if (ended) return
  }
}

/** A guest that does not listen, or ends while it is asked, is what the next step is for. */
function ignoreSilence(error: unknown): undefined {
  const code = (error as { vendorCode?: string }).vendorCode
  if (code !== undefined && silences.has(code)) return undefined
  throw error
}

const silences = new Set(
  'guest_not_running guest_silent monitor_busy connection_lost EPIPE ECONNRESET timeout'.split(' '),
)

/** QEMU does it as soon as its main loop comes round. */
const resetLimitMs = 5_000

/** Writing back what the host's cache holds may take a while. */
const quitLimitMs = 15_000
