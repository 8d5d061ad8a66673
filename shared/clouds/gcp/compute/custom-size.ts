import type { InstanceSize } from '#shared/clouds/port.ts'
import type { GcpClient } from '#shared/clouds/gcp/client.ts'
import { toSize } from '#shared/clouds/gcp/compute/sizes.ts'
import { zonesOf } from '#shared/clouds/gcp/compute/zones.ts'
import { CloudError } from '#shared/clouds/errors.ts'
import { isCustomSize } from '#shared/placement/custom.ts'

/**
 * A custom machine type: `custom-<vcpus>-<MiB>` (of the series N1) or `<series>-custom-<vcpus>-<MiB>`, with `-ext` for more memory than usual.
 * Google itself judges the numbers, zone by zone, since not every zone has every series.
 * https://cloud.google.com/compute/docs/instances/creating-instance-with-custom-machine-type
 * @throws CloudError `invalid_request` with Google's reason if no zone of the region has it.
 */
export async function customSize(
  gcp: GcpClient,
  region: string,
  name: string,
): Promise<InstanceSize | undefined> {
  if (!isCustomSize(name)) return undefined
  let refusal: CloudError | undefined
  for (const zone of await zonesOf(gcp, region)) {
    try {
      const request = { project: gcp.project, zone, machineType: name }
      const [type] = await gcp.compute('MachineTypes', 'compute.machineTypes.get', (client, once) =>
        client.get(request, once),
      )
      return { ...toSize(type), name }
    } catch (error) {
      if (!(error instanceof CloudError && said.has(error.code))) throw error
      refusal ??= error
    }
  }
  throw new CloudError(
    `instance_type: ${region} has no machine type "${name}". ${refusal?.message ?? ''}`.trim(),
    {
      cloud: 'gcp',
      operation: 'compute.machineTypes.get',
      code: 'invalid_request',
      remedy:
        'Take vCPUs and memory that the series allows (memory in steps of 256 MiB), or send cpu and memory in place of instance_type.',
      details: { field: 'instance_type' },
      ...(refusal?.vendorCode === undefined ? {} : { vendorCode: refusal.vendorCode }),
      ...(refusal?.requestId === undefined ? {} : { requestId: refusal.requestId }),
    },
  )
}

/** What Google says of numbers that it does not take, and of a series that a zone has not. */
const said = new Set(['invalid_request', 'not_found'])
