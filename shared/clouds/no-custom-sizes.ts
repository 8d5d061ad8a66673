import type { InstanceSize } from '#shared/clouds/facets/compute.ts'
import type { CloudType } from '#shared/clouds/facets/terms.ts'
import { assertCapable, type Capabilities, type Capability } from '#shared/clouds/operations.ts'
import { isCustomSize } from '#shared/placement/custom.ts'

/** What a cloud declares whose sizes are all of its own making. */
export const customSizeLacking = (vendor: string): Record<'compute.customSize', Capability> => ({
  'compute.customSize': {
    lacking: `${vendor} sells sizes of its own making only.`,
    remedy: 'Send `cpu` and `memory` in place of instance_type: the cheapest size that has both is taken.',
  },
})

/** For the adapter of such a cloud. @throws CloudError `unsupported` with the declared reason, before any call. */
export async function refuseCustomSize(
  type: CloudType,
  declared: Capabilities,
  name: string,
): Promise<InstanceSize | undefined> {
  if (isCustomSize(name)) assertCapable(type, declared, 'compute.customSize')
  return Promise.resolve(undefined)
}
