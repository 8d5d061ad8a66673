import { disksOperations } from '#shared/clouds/onprem/capabilities/libvirt/disks.ts'
import { lacking } from '#shared/clouds/onprem/capabilities/lacking.ts'
import { machinesOperations } from '#shared/clouds/onprem/capabilities/libvirt/machines.ts'
import { servicesOperations } from '#shared/clouds/onprem/capabilities/libvirt/services.ts'
import type { Capabilities } from '#shared/clouds/operations.ts'

export const libvirtOperations: Capabilities['operations'] = {
  ...lacking,
  ...machinesOperations,
  ...disksOperations,
  ...servicesOperations,
}
