import type { Capabilities } from '#shared/clouds/operations.ts'

/** Identity, compute, disks, networks, volumes and inventory. */
export const machineOperations = {} as Partial<Capabilities['operations']>
