import type { MachineDisk } from '#shared/clouds/onprem/host.ts'
import type { Host } from '#shared/clouds/onprem/hosts.ts'
import type { VmRecord } from '#shared/clouds/onprem/records.ts'
import { refusal } from '#shared/clouds/onprem/refusals.ts'
import { volumeRef } from '#shared/clouds/onprem/volumes/refs.ts'

/** The disks of a VM as its machine is defined with, boot disk first. */
export const machineDisks = (host: Host, { disks }: Pick<VmRecord, 'disks'>): Promise<MachineDisk[]> =>
  Promise.all(disks.map(({ volume, device }) => machineDisk(host, volume, device)))

/** @throws CloudError `not_found` if the volume is not on this host. */
export async function machineDisk(host: Host, volume: string, device: string): Promise<MachineDisk> {
  const record = await host.records.get('volume', volume)
  if (record) return { volume: volumeRef(volume, record), device }
  throw refusal('volumes', `There is no volume ${volume} on host ${host.name}.`, { code: 'not_found' })
}
