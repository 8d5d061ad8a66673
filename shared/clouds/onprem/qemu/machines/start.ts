import { HostError } from '#shared/clouds/onprem/gate.ts'
import type { MachineSpec } from '#shared/clouds/onprem/host.ts'
import type { QemuHost } from '#shared/clouds/onprem/qemu/base.ts'
import { bootUp, configure } from '#shared/clouds/onprem/qemu/machines/configure.ts'
import {
  definitionOf,
  launchOf,
  readLaunch,
  writeLaunch,
  type Definition,
  type Launch,
} from '#shared/clouds/onprem/qemu/machines/definition.ts'
import { cancelMemory } from '#shared/clouds/onprem/qemu/migration/outgoing.ts'
import { complaintOf, launchMachine, removeSockets } from '#shared/clouds/onprem/qemu/machines/launch.ts'
import { withLock } from '#shared/clouds/onprem/qemu/machines/locking.ts'
import { hasMemory, spendMemory } from '#shared/clouds/onprem/qemu/machines/memory-file.ts'
import { runState, see } from '#shared/clouds/onprem/qemu/machines/status.ts'
import { endProcess } from '#shared/clouds/onprem/qemu/machines/stop.ts'
import { restoreMemory } from '#shared/clouds/onprem/qemu/machines/suspend.ts'
import { bindFilters } from '#shared/clouds/onprem/qemu/networks/networks.ts'
import type { ProcessId } from '#shared/clouds/onprem/qemu/process.ts'
import { findPrograms } from '#shared/clouds/onprem/qemu/programs.ts'

/** Starts a machine, or takes up a start that somebody did not finish. */
export async function startMachine(host: QemuHost, id: string): Promise<void> {
  await host.ready()
  await withLock(host, id, async () => {
    const definition = await definitionOf(host, id)
    if (definition.leftFor !== undefined)
      throw new HostError('conflict', `machine ${id} has moved to host ${definition.leftFor}`)
    const sight = await see(host, id)
    if (sight?.process) {
      const state = await runState(host, id, host.context.requestTimeoutMs)
      if (state !== undefined && (await takeUp(host, definition.spec, state))) return
      await endProcess(host, id, sight.process)
    }
    await begin(host, definition, sight?.state === 'saved')
  })
}

/** Brings one whose process is there to run; false if that leads nowhere. */
async function takeUp(host: QemuHost, spec: MachineSpec, state: string): Promise<boolean> {
  if (deadEnds.has(state)) return false
  await host.monitor(spec.id, async (monitor) => {
    const { UUID: found } = await monitor.execute<{ UUID: string }>('query-uuid')
    if (found !== spec.id)
      throw new HostError('conflict', `the process at the sockets of machine ${spec.id} is that of ${found}`)
    if (state === 'running') return
    if (state === 'prelaunch') {
      await configure(host, monitor, spec, await launchOf(host, spec.id))
      await bootUp(monitor)
      return
    }
    // A move, or a suspension, that was cut off.
    await cancelMemory(monitor)
    await goOn(host, spec.id, () => monitor.execute('cont'))
  })
  return true
}

/** It will never run again, or lacks the memory that it was to get. */
const deadEnds: ReadonlySet<string> = new Set([
  'inmigrate',
  'restore-vm',
  'shutdown',
  'guest-panicked',
  'internal-error',
])

async function begin(host: QemuHost, definition: Definition, isSaved: boolean): Promise<void> {
  const { spec } = definition
  const launch =
    (isSaved ? await readLaunch(host, spec.id) : undefined) ?? (await freshLaunch(host, definition))
  if (!isSaved) await writeLaunch(host, spec.id, launch)
  const process = await launchMachine(host, spec, { launch, incoming: isSaved })
  try {
    await bindFilters(host, spec)
    await host.monitor(spec.id, async (monitor) => {
      await configure(host, monitor, spec, launch)
      if (!isSaved) {
        await bootUp(monitor)
        return
      }
      await restoreMemory(host, monitor, spec)
      await goOn(host, spec.id, () => monitor.execute('cont'))
    })
  } catch (error) {
    await endIdle(host, spec.id, process).catch(() => undefined)
    throw await withComplaint(host, spec.id, error)
  }
}

async function freshLaunch(host: QemuHost, { spec, machineType }: Definition): Promise<Launch> {
  const { acceleration } = await findPrograms(host.runAs)
  const { vcpus, maxVcpus, memoryMib, maxMemoryMib } = spec
  return { machineType, acceleration: acceleration.kind, vcpus, maxVcpus, memoryMib, maxMemoryMib }
}

/** The memory that is kept is given up before the guest runs, never after. */
async function goOn(host: QemuHost, id: string, cont: () => Promise<unknown>): Promise<void> {
  await host.gate({ operation: 'record remove', mutating: true, resource: id }, () =>
    spendMemory(host.layout.machine(id)),
  )
  await cont()
}

/** A process that ended while it was spoken to has said why elsewhere. */
async function withComplaint(host: QemuHost, id: string, error: unknown): Promise<unknown> {
  const code = (error as { vendorCode?: string }).vendorCode ?? ''
  if (!/^(connection_lost|guest_not_running|EPIPE|ECONNRESET|job_failed)$/.test(code)) return error
  const said = await complaintOf(host.layout.machine(id))
  return said === '' ? error : new HostError('program_failed', said, error)
}

/** One that could not be given all it needs does not stay behind, unless it runs by now, or has had the memory that was kept. */
async function endIdle(host: QemuHost, id: string, process: ProcessId): Promise<void> {
  const state = await runState(host, id, host.context.requestTimeoutMs)
  const paths = host.layout.machine(id)
  if (state === 'running' || (state === 'paused' && !(await hasMemory(paths)))) return
  await endProcess(host, id, process)
  await removeSockets(paths)
}
