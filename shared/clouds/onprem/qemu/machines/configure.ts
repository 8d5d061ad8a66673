import type { MachineSpec } from '#shared/clouds/onprem/host.ts'
import type { QemuHost } from '#shared/clouds/onprem/qemu/base.ts'
import type { Launch } from '#shared/clouds/onprem/qemu/machines/definition.ts'
import { plugAll } from '#shared/clouds/onprem/qemu/machines/disks.ts'
import { applyForwards } from '#shared/clouds/onprem/qemu/machines/forwards.ts'
import type { Monitor } from '#shared/clouds/onprem/qemu/monitor.ts'

/** Gives a machine that stands still since its process started all that its command line did not. What it has already stays. */
export async function configure(
  host: QemuHost,
  monitor: Monitor,
  spec: MachineSpec,
  launch: Launch,
): Promise<void> {
  await plugAll(host, monitor, spec, launch)
  await applyForwards(monitor, spec.nics[0])
}

/** The firmware looks for disks when the machine is reset, and learns their order then. */
export async function bootUp(monitor: Monitor): Promise<void> {
  await monitor.execute('system_reset')
  await monitor.execute('cont')
}
