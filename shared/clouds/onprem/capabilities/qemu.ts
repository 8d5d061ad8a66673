import { disksOperations } from '#shared/clouds/onprem/capabilities/qemu/disks.ts'
import { lacking } from '#shared/clouds/onprem/capabilities/lacking.ts'
import { machinesOperations } from '#shared/clouds/onprem/capabilities/qemu/machines.ts'
import { servicesOperations } from '#shared/clouds/onprem/capabilities/qemu/services.ts'
import type { Capabilities } from '#shared/clouds/operations.ts'

export const qemuOperations: Capabilities['operations'] = {
  ...lacking,
  ...machinesOperations,
  ...disksOperations,
  ...servicesOperations,
}
