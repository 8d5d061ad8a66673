import type { protos } from '@google-cloud/compute'
import type { InstanceSize } from '#shared/clouds/port.ts'
import type { GcpClient } from '#shared/clouds/gcp/client.ts'
import { architectureOf } from '#shared/clouds/gcp/compute/mapping.ts'
import { zonesOf } from '#shared/clouds/gcp/compute/zones.ts'
import { pages } from '#shared/clouds/gcp/paging.ts'

/** Machine types of a region: those of any of its zones. */
export async function sizesOf(gcp: GcpClient, region: string): Promise<InstanceSize[]> {
  const found = new Map<string, InstanceSize>()
  const lists = (await zonesOf(gcp, region)).map(async (zone) => {
    const types = pages(gcp, 'MachineTypes', 'compute.machineTypes.list', (client, once) =>
      client.listAsync({ project: gcp.project, zone }, once),
    )
    for await (const type of types) {
      if (type.deprecated?.state !== 'DELETED' && type.name) found.set(type.name, toSize(type))
    }
  })
  await Promise.all(lists)
  return [...found.values()]
}

/** A machine type in our terms. */
export function toSize(type: protos.google.cloud.compute.v1.IMachineType): InstanceSize {
  const name = type.name ?? ''
  const architecture = architectureOf(type.architecture, name)
  return {
    name,
    vcpus: type.guestCpus ?? 0,
    memoryMib: type.memoryMb ?? 0,
    architectures: [architecture],
    firmwares: architecture === 'arm64' ? ['uefi'] : ['bios', 'uefi'],
    burstable: type.isSharedCpu === true,
    gpus: (type.accelerators ?? []).reduce(
      (sum, { guestAcceleratorCount }) => sum + (guestAcceleratorCount ?? 0),
      0,
    ),
  }
}
