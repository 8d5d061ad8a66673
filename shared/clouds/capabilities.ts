import { awsCapabilities } from '#shared/clouds/aws/capabilities.ts'
import { azureCapabilities } from '#shared/clouds/azure/capabilities.ts'
import { gcpCapabilities } from '#shared/clouds/gcp/capabilities.ts'
import { libvirtCapabilities, qemuCapabilities } from '#shared/clouds/onprem/capabilities.ts'
import type { Capabilities } from '#shared/clouds/operations.ts'

/** What each cloud declares, by type; on-premise ones by their driver. Plain data: importing it loads no SDK, so the API may. */
export const capabilitiesByCloud = {
  aws: awsCapabilities,
  azure: azureCapabilities,
  gcp: gcpCapabilities,
  'on-premise/qemu': qemuCapabilities,
  'on-premise/libvirt': libvirtCapabilities,
} as const satisfies Record<string, Capabilities>

/** What a declaration is looked up by: a provider's type, and the driver that an on-premise one is registered with. */
export interface CloudKind {
  type: string
  driver: string | undefined
}

/** The driver that a registration's options name; undefined where there is none to choose. */
export const driverOf = (options: Readonly<Record<string, unknown>>): string | undefined =>
  typeof options['driver'] === 'string' ? options['driver'] : undefined

/** The declaration of a kind of cloud, or undefined while it has no adapter. */
export const capabilitiesOf = ({ type, driver }: CloudKind): Capabilities | undefined =>
  (capabilitiesByCloud as Record<string, Capabilities>)[driver === undefined ? type : `${type}/${driver}`]
