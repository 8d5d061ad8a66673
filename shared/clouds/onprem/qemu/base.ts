import type { HostContext } from '#shared/clouds/onprem/host.ts'
import { layoutOf, makeFolders, type HostLayout, type RunAs } from '#shared/clouds/onprem/qemu/layout.ts'
import { withMonitor, type Monitor } from '#shared/clouds/onprem/qemu/monitor.ts'
import { guestUser } from '#shared/clouds/onprem/qemu/process.ts'
import type { HostSettings } from '#shared/clouds/onprem/settings.ts'

export type QemuSettings = HostSettings & { runAs?: RunAs }

/** What every part of the driver is made with. */
export interface QemuHost {
  readonly name: string
  readonly settings: QemuSettings
  readonly context: HostContext
  readonly gate: HostContext['gate']
  readonly layout: HostLayout
  /** Who guests, and programs that touch their disks, run as; undefined: as we do. */
  readonly runAs: RunAs | undefined
  /** Makes the host's folders, once a process; every method that writes calls it first. */
  ready(): Promise<void>
  /** Talks to a running machine's QEMU. @throws CloudError `conflict` if it does not run, or its monitors are busy. */
  monitor<T>(machine: string, work: (monitor: Monitor) => Promise<T>): Promise<T>
}

/** Makes no call. */
export function createQemuHost(settings: QemuSettings, context: HostContext): QemuHost {
  const layout = layoutOf(settings)
  const runAs = guestUser(settings.runAs)
  let made = false
  return {
    name: context.name,
    settings,
    context,
    gate: context.gate,
    layout,
    runAs,
    async ready() {
      if (made) return
      await context.gate({ operation: 'mkdir', mutating: true, resource: layout.folder }, async () =>
        makeFolders(layout, runAs),
      )
      made = true
    },
    monitor: (machine, work) =>
      withMonitor(
        {
          gate: context.gate,
          sockets: layout.machine(machine).monitors,
          resource: machine,
          patienceMs: context.requestTimeoutMs,
        },
        work,
      ),
  }
}
