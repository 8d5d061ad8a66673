import { mkdir } from 'node:fs/promises'
import { HostError } from '#shared/clouds/onprem/gate.ts'
import type { HostMachines, MachineSpec } from '#shared/clouds/onprem/host.ts'
import type { QemuHost } from '#shared/clouds/onprem/qemu/base.ts'
import { readAddresses } from '#shared/clouds/onprem/qemu/machines/addresses.ts'
import { attachDisk, detachDisk, setForwards } from '#shared/clouds/onprem/qemu/machines/attach.ts'
import { readConsole } from '#shared/clouds/onprem/qemu/machines/console.ts'
import {
  assertRunnable,
  readDefinition,
  writeDefinition,
} from '#shared/clouds/onprem/qemu/machines/definition.ts'
import { checkedForward } from '#shared/clouds/onprem/qemu/machines/forwards.ts'
import { withLock } from '#shared/clouds/onprem/qemu/machines/locking.ts'
import { resizeMachine } from '#shared/clouds/onprem/qemu/machines/resize.ts'
import { startMachine } from '#shared/clouds/onprem/qemu/machines/start.ts'
import { readStats } from '#shared/clouds/onprem/qemu/machines/stats.ts'
import { see, statusOf, statusOfAll } from '#shared/clouds/onprem/qemu/machines/status.ts'
import {
  powerOffLocked,
  powerOffMachine,
  removeMachineFiles,
  restartMachine,
  shutdownMachine,
} from '#shared/clouds/onprem/qemu/machines/stop.ts'
import { suspendMachine } from '#shared/clouds/onprem/qemu/machines/suspend.ts'
import { migrateLive } from '#shared/clouds/onprem/qemu/migration/migration.ts'
import { findPrograms } from '#shared/clouds/onprem/qemu/programs.ts'

/** Machines as QEMU processes of their own, found again by what lies in the host's folder. */
export function createMachines(host: QemuHost): HostMachines {
  return {
    define: (spec) => define(host, spec),
    spec: async (id) => (await readDefinition(host, id))?.spec,
    list: () => statusOfAll(host),
    async status(id) {
      const sight = await see(host, id)
      return sight && (await statusOf(host, sight))
    },
    start: (id) => startMachine(host, id),
    shutdown: (id) => shutdownMachine(host, id),
    powerOff: (id) => powerOffMachine(host, id),
    restart: (id) => restartMachine(host, id),
    suspend: (id) => suspendMachine(host, id),
    undefine: (id) => undefine(host, id),
    resize: (id, size) => resizeMachine(host, id, size),
    attachDisk: (id, disk) => attachDisk(host, id, disk),
    detachDisk: (id, device) => detachDisk(host, id, device),
    setForwards: (id, forwards) => setForwards(host, id, forwards),
    console: (id) => readConsole(host, id),
    stats: (id) => readStats(host, id),
    addresses: (id) => readAddresses(host, id),
    migrateLive: (id, to, options) => migrateLive(host, id, to, options),
  }
}

async function define(host: QemuHost, spec: MachineSpec): Promise<void> {
  await host.ready()
  const paths = host.layout.machine(spec.id)
  await assertRunnable(host, spec)
  for (const nic of spec.nics) for (const forward of nic.forwards) checkedForward(forward)
  await withLock(host, spec.id, async () => {
    const sight = await see(host, spec.id)
    if (sight?.process || sight?.state === 'saved')
      throw new HostError(
        'guest_running',
        `machine ${spec.id} is ${sight.process ? 'running' : 'suspended'}; what it is cannot change`,
      )
    const before = await readDefinition(host, spec.id)
    const { machineType } = before ?? (await findPrograms(host.runAs))
    await host.gate({ operation: 'mkdir', mutating: true, resource: spec.id }, async (signal) => {
      // A step that has ended makes none: nobody would come to remove it.
      signal.throwIfAborted()
      await mkdir(paths.folder, { recursive: true, mode: 0o711 })
    })
    await writeDefinition(host, { spec, machineType })
  })
}

async function undefine(host: QemuHost, id: string): Promise<void> {
  await withLock(host, id, async () => {
    await powerOffLocked(host, id)
    await removeMachineFiles(host, id)
  })
}
