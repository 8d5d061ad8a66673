import { HostError } from '#shared/clouds/onprem/gate.ts'
import type { Forward, MachineDisk, MachineSpec } from '#shared/clouds/onprem/host.ts'
import type { QemuHost } from '#shared/clouds/onprem/qemu/base.ts'
import {
  definitionOf,
  launchOf,
  portOf,
  writeDefinition,
} from '#shared/clouds/onprem/qemu/machines/definition.ts'
import { plugDisk, unplugDisk } from '#shared/clouds/onprem/qemu/machines/disks.ts'
import { applyForwards, checkedForward } from '#shared/clouds/onprem/qemu/machines/forwards.ts'
import { withLock } from '#shared/clouds/onprem/qemu/machines/locking.ts'
import { see } from '#shared/clouds/onprem/qemu/machines/status.ts'

/** First the running machine, then what is written down: what is cut short between them is done again. */
export const attachDisk = (host: QemuHost, id: string, disk: MachineDisk): Promise<void> =>
  change(host, id, async (spec, isRunning) => {
    portOf(disk.device)
    const there = spec.disks.find(({ device }) => device === disk.device)
    if (there && there.volume.name !== disk.volume.name)
      throw new HostError('conflict', `${disk.device} of machine ${id} is ${there.volume.name}`)
    if (isRunning) {
      const launch = await launchOf(host, id)
      await host.monitor(id, (monitor) => plugDisk(host, monitor, disk, launch))
    }
    return there ? spec : { ...spec, disks: [...spec.disks, disk] }
  })

export const detachDisk = (host: QemuHost, id: string, device: string): Promise<void> =>
  change(host, id, async (spec, isRunning) => {
    if (isRunning)
      await host.monitor(id, (monitor) =>
        unplugDisk(monitor, device, Math.min(host.context.shutdownGraceMs, unplugPatienceMs)),
      )
    return { ...spec, disks: spec.disks.filter((disk) => disk.device !== device) }
  })

export const setForwards = (host: QemuHost, id: string, forwards: Forward[]): Promise<void> =>
  change(host, id, async (spec, isRunning) => {
    const [first, ...others] = spec.nics
    for (const forward of forwards) checkedForward(forward)
    if (first?.kind !== 'user') {
      if (forwards.length === 0) return spec
      throw new HostError('unsupported', `the first interface of machine ${id} is not in a user-mode network`)
    }
    const nic = { ...first, forwards }
    if (isRunning) await host.monitor(id, (monitor) => applyForwards(monitor, nic))
    return { ...spec, nics: [nic, ...others] }
  })

async function change(
  host: QemuHost,
  id: string,
  next: (spec: MachineSpec, isRunning: boolean) => Promise<MachineSpec>,
): Promise<void> {
  await withLock(host, id, async () => {
    const definition = await definitionOf(host, id)
    const sight = await see(host, id)
    if (sight?.state === 'saved')
      throw new HostError(
        'guest_running',
        `machine ${id} is suspended; what it has cannot change until it goes on`,
      )
    const spec = await next(definition.spec, sight?.process !== undefined)
    if (spec !== definition.spec) await writeDefinition(host, { ...definition, spec })
  })
}

/** A guest with an operating system lets go within a second. */
const unplugPatienceMs = 10_000
