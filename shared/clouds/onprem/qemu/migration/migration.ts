import { rm } from 'node:fs/promises'
import { HostError } from '#shared/clouds/onprem/gate.ts'
import type { HypervisorHost, LiveMigration, LiveMigrationResult } from '#shared/clouds/onprem/host.ts'
import type { QemuHost } from '#shared/clouds/onprem/qemu/base.ts'
import { definitionOf, launchOf, readDefinition } from '#shared/clouds/onprem/qemu/machines/definition.ts'
import { withLock } from '#shared/clouds/onprem/qemu/machines/locking.ts'
import { runState, see } from '#shared/clouds/onprem/qemu/machines/status.ts'
import { endProcess, removeMachineFiles } from '#shared/clouds/onprem/qemu/machines/stop.ts'
import { abandon, prepare } from '#shared/clouds/onprem/qemu/migration/destination.ts'
import { letGo } from '#shared/clouds/onprem/qemu/migration/outgoing.ts'
import { switchOver } from '#shared/clouds/onprem/qemu/migration/switch-over.ts'
import { insideOf } from '#shared/clouds/onprem/qemu/inside.ts'
import { removeTaps } from '#shared/clouds/onprem/qemu/networks/taps.ts'
import { deleteVolume } from '#shared/clouds/onprem/qemu/volumes/change.ts'

/**
 * See HostMachines.migrateLive. Its disks are mirrored into the process at the other host while the guest runs, then its memory follows; then the
 * guest stands still until the last of both is over. That it has left is written down here (`leftFor`) before it runs there: whatever dies
 * before leaves it here, whatever dies after leaves it there, and at no time do both run.
 */
export async function migrateLive(
  host: QemuHost,
  id: string,
  to: HypervisorHost,
  options: LiveMigration,
): Promise<LiveMigrationResult> {
  const there = insideOf(to)
  if (!there)
    throw new HostError(
      'unsupported',
      `host ${to.name} is not of the qemu driver; a guest stays with its own`,
    )
  await there.ready()
  return withLock(host, id, () =>
    withLock(there, id, async () => {
      const { leftFor } = await definitionOf(host, id)
      if (leftFor !== undefined) return finish(host, there, id, nothingMeasured)
      return move(host, there, id, options)
    }),
  )
}

async function move(
  host: QemuHost,
  there: QemuHost,
  id: string,
  options: LiveMigration,
): Promise<LiveMigrationResult> {
  const { spec, machineType } = await definitionOf(host, id)
  const sight = await see(host, id)
  if (!sight?.process) throw new HostError('guest_not_running', `machine ${id} is not running`)
  if (options.volumes.length !== spec.disks.length)
    throw new HostError(
      'invalid_request',
      `volumes: ${options.volumes.length} for ${spec.disks.length} disks`,
    )
  // What an earlier try that was cut off has left.
  await letGo(host, spec)
  await abandon(there, id, options.volumes)
  try {
    const launch = await launchOf(host, id)
    await prepare(host, there, { spec, machineType, launch, volumes: options.volumes })
    const measured = await switchOver(host, there, spec, options)
    return await finish(host, there, id, measured)
  } catch (error) {
    if ((await readDefinition(host, id))?.leftFor === undefined) {
      await letGo(host, spec).catch(() => undefined)
      await abandon(there, id, options.volumes).catch(() => undefined)
    }
    throw error
  }
}

/** It is there. What it was here goes. */
async function finish(
  host: QemuHost,
  there: QemuHost,
  id: string,
  measured: LiveMigrationResult,
): Promise<LiveMigrationResult> {
  if ((await runState(there, id, there.context.requestTimeoutMs)) === 'paused')
    await there.monitor(id, (monitor) => monitor.execute('cont'))
  await there.gate({ operation: 'record remove', mutating: true, resource: id }, () =>
    rm(there.layout.machine(id).arrival, { force: true }),
  )
  const { spec } = await definitionOf(host, id)
  const sight = await see(host, id)
  if (sight?.process) await endProcess(host, id, sight.process)
  await removeTaps(host, spec)
  for (const { volume } of spec.disks) await deleteVolume(host, volume)
  await removeMachineFiles(host, id)
  return measured
}

/** Of a move that somebody else has made. */
const nothingMeasured: LiveMigrationResult = { downtimeMs: 0, memoryBytes: 0, diskBytes: 0 }
