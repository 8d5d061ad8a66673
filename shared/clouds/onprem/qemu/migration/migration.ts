import { HostError } from '#shared/clouds/onprem/gate.ts'
import type { HypervisorHost, LiveMigration, LiveMigrationResult } from '#shared/clouds/onprem/host.ts'
import type { QemuHost } from '#shared/clouds/onprem/qemu/base.ts'

/** See HostMachines.migrateLive. @throws HostError `unsupported`. */
export async function migrateLive(
  host: QemuHost,
  id: string,
  to: HypervisorHost,
  _options: LiveMigration,
): Promise<LiveMigrationResult> {
  throw new HostError(
    'unsupported',
    `machine ${id} cannot be moved from ${host.name} to ${to.name} while it runs`,
  )
}
