import { mkdir } from 'node:fs/promises'
import { HostError } from '#shared/clouds/onprem/gate.ts'
import type { MachineSpec, VolumeRef } from '#shared/clouds/onprem/host.ts'
import type { QemuHost } from '#shared/clouds/onprem/qemu/base.ts'
import { configure } from '#shared/clouds/onprem/qemu/machines/configure.ts'
import {
  assertRunnable,
  readDefinition,
  writeDefinition,
  writeLaunch,
  type Launch,
} from '#shared/clouds/onprem/qemu/machines/definition.ts'
import { launchMachine } from '#shared/clouds/onprem/qemu/machines/launch.ts'
import { see } from '#shared/clouds/onprem/qemu/machines/status.ts'
import { endProcess, removeMachineFiles } from '#shared/clouds/onprem/qemu/machines/stop.ts'
import { bindFilters } from '#shared/clouds/onprem/qemu/networks/networks.ts'
import { removeTaps } from '#shared/clouds/onprem/qemu/networks/taps.ts'
import { findPrograms } from '#shared/clouds/onprem/qemu/programs.ts'
import { deleteVolume } from '#shared/clouds/onprem/qemu/volumes/change.ts'
import { getVolume } from '#shared/clouds/onprem/qemu/volumes/facts.ts'
import { createVolume } from '#shared/clouds/onprem/qemu/volumes/make.ts'

/** Starts the machine at its new host, empty, with disks that can be written from outside and ready for its memory. */
export async function prepare(
  host: QemuHost,
  there: QemuHost,
  {
    spec,
    machineType,
    launch,
    volumes,
  }: { spec: MachineSpec; machineType: string; launch: Launch; volumes: readonly VolumeRef[] },
): Promise<void> {
  await assertSameKind(there, launch)
  const coming = specAt(spec, volumes)
  await assertRunnable(there, coming)
  for (const [index, volume] of volumes.entries())
    await createVolume(there, volume, { sizeBytes: await sizeOf(host, spec, index) })
  const paths = there.layout.machine(spec.id)
  await there.gate({ operation: 'mkdir', mutating: true, resource: spec.id }, async (signal) => {
    // A step that has ended makes none: nobody would come to remove it.
    signal.throwIfAborted()
    await mkdir(paths.folder, { recursive: true, mode: 0o711 })
  })
  await writeDefinition(there, { spec: coming, machineType })
  await writeLaunch(there, spec.id, launch)
  await launchMachine(there, coming, { launch, incoming: true })
  await bindFilters(there, coming)
  await there.monitor(spec.id, async (monitor) => {
    await configure(there, monitor, coming, launch)
    await monitor.execute('nbd-server-start', {
      addr: { type: 'unix', data: { path: paths.arrival } },
    })
    for (const { device } of coming.disks)
      await monitor.execute('block-export-add', {
        type: 'nbd',
        id: device,
        'node-name': device,
        name: device,
        writable: true,
      })
    await monitor.execute('migrate-set-capabilities', { capabilities: capabilitiesOfBoth })
    await monitor.execute('migrate-incoming', { uri: `unix:${paths.migration}` })
  })
}

/** Both ends must have the same. `dirty-bitmaps`: what changed since a backup is known there, too. */
export const capabilitiesOfBoth = ['events', 'pause-before-switchover', 'dirty-bitmaps'].map(
  (capability) => ({
    capability,
    state: true,
  }),
)

/** Removes a machine that was to come, with the volumes that were made for it. None is fine. */
export async function abandon(there: QemuHost, id: string, volumes: readonly VolumeRef[]): Promise<void> {
  const sight = await see(there, id)
  if (sight?.process) await endProcess(there, id, sight.process)
  const definition = await readDefinition(there, id)
  if (definition) await removeTaps(there, definition.spec)
  for (const volume of volumes) await deleteVolume(there, volume)
  await removeMachineFiles(there, id)
}

/** Forwards are opened once the old host has closed its own: they may be the same. */
function specAt(spec: MachineSpec, volumes: readonly VolumeRef[]): MachineSpec {
  const [boot] = volumes
  return {
    ...spec,
    disks: spec.disks.map((disk, index) => ({ ...disk, volume: volumes[index] ?? disk.volume })),
    nics: spec.nics.map((nic) => ({ ...nic, forwards: [] })),
    ...(spec.seed && boot ? { seed: { ...spec.seed, pool: boot.pool } } : {}),
  }
}

async function sizeOf(host: QemuHost, { disks }: MachineSpec, index: number): Promise<number> {
  const volume = disks[index]?.volume
  const facts = volume && (await getVolume(host, volume))
  if (facts) return facts.sizeBytes
  throw new HostError('not_found', `there is no volume ${volume?.name}`)
}

/** A guest keeps the CPU that it was started with. */
async function assertSameKind(there: QemuHost, { acceleration }: Launch): Promise<void> {
  const { kind } = (await findPrograms(there.runAs)).acceleration
  if (kind === acceleration) return
  throw new HostError(
    'unsupported',
    `host ${there.name} runs guests by ${kind}, and this one was started by ${acceleration}; stop it to move it`,
  )
}
