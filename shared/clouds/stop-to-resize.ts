import type { CloudType } from '#shared/clouds/facets/terms.ts'
import { assertCapable, type Capabilities, type Capability } from '#shared/clouds/operations.ts'

/** What a cloud declares that changes the size of stopped VMs alone. */
export const liveResizeLacking = (vendor: string): Record<'compute.resize.live', Capability> => ({
  'compute.resize.live': {
    lacking: `${vendor} changes the size of stopped VMs only.`,
    remedy: 'Stop the VM first, or send `allow_stop: true`: it is then stopped, resized and started again.',
  },
})

/** For the adapter of such a cloud. @throws CloudError `unsupported` with the declared reason, before any call. */
export function refuseLive(
  type: CloudType,
  declared: Capabilities,
  { live = false }: { live?: boolean } = {},
): void {
  if (live) assertCapable(type, declared, 'compute.resize.live')
}
