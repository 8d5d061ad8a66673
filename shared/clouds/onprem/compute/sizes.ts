import type { Architecture, Firmware, InstanceSize } from '#shared/clouds/port.ts'
import type { Host, Site } from '#shared/clouds/onprem/hosts.ts'
import { capacityOf } from '#shared/clouds/onprem/placement/view.ts'
import { refusal } from '#shared/clouds/onprem/refusals.ts'
import type { OnPremSettings } from '#shared/clouds/onprem/settings.ts'
import { isCustomSize } from '#shared/placement/custom.ts'
import { genericSizes } from '#shared/placement/sizes.ts'

export interface Size {
  name: string
  vcpus: number
  memoryMib: number
}

/** Sizes that some host of the location could hold while nothing else is on it. */
export async function sizesOf(site: Site, region: string): Promise<InstanceSize[]> {
  const offers = await Promise.all(site.inRegion(region).map(offerOf))
  return namedSizes(site.settings).flatMap((size) => heldBy(offers, size) ?? [])
}

/**
 * The size that `custom-<vcpus>-<MiB>` says; undefined for a name of another form.
 * @throws CloudError `invalid_request` for numbers that no machine takes, or no host of the location could hold.
 */
export async function ownSizeOf(site: Site, region: string, name: string): Promise<InstanceSize | undefined> {
  if (!isCustomSize(name)) return undefined
  const size = requireSize(site.settings, 'compute.customSize', name)
  const offers = await Promise.all(site.inRegion(region).map(offerOf))
  const held = heldBy(offers, size)
  if (held) return held
  const each = offers.map(({ vcpus, memoryMib }) => `${vcpus} vCPU and ${memoryMib} MiB`)
  throw refusal('compute.customSize', `instance_type: no host of ${region} could hold ${name}.`, {
    code: 'invalid_request',
    remedy: `Ask for no more than one of its hosts has: ${each.join(', or ')}.`,
    details: { field: 'instance_type' },
  })
}

type Offer = Awaited<ReturnType<typeof offerOf>>

/** The size as hosts that are large enough have it; undefined if none is. */
function heldBy(offers: readonly Offer[], size: Size): InstanceSize | undefined {
  const holding = offers.filter(({ vcpus, memoryMib }) => vcpus >= size.vcpus && memoryMib >= size.memoryMib)
  if (holding.length === 0) return undefined
  const architectures = new Set(holding.flatMap((host) => host.architectures))
  const firmwares = new Set(holding.flatMap((host) => host.firmwares))
  return { ...size, architectures: [...architectures], firmwares: [...firmwares], burstable: false, gpus: 0 }
}

/** A size by its name, `custom-<vcpus>-<MiB>` included. @throws CloudError `invalid_request` naming those there are. Makes no call. */
export function requireSize(settings: OnPremSettings, operation: string, name: string): Size {
  const sizes = namedSizes(settings)
  const size = sizes.find((each) => each.name === name) ?? customSize(name)
  if (size) return size
  throw refusal(operation, `instance_type: there is no size "${name}".`, {
    code: 'invalid_request',
    remedy: `Use one of ${sizes.map((each) => each.name).join(', ')}, or custom-<vcpus>-<MiB> such as custom-2-3072.`,
    details: { field: 'instance_type' },
  })
}

const namedSizes = ({ options: { sizes } }: OnPremSettings): Size[] =>
  sizes?.map(({ name, vcpus, memory_mib: memoryMib }) => ({ name, vcpus, memoryMib })) ??
  Object.entries(genericSizes).map(([name, size]) => ({ name, ...size }))

function customSize(name: string): Size | undefined {
  const [, vcpus, memoryMib] = /^custom-([1-9]\d{0,2})-([1-9]\d{1,6})$/.exec(name)?.map(Number) ?? []
  if (vcpus === undefined || memoryMib === undefined || vcpus > 255 || memoryMib < 16) return undefined
  return { name, vcpus, memoryMib }
}

async function offerOf(
  host: Host,
): Promise<{ vcpus: number; memoryMib: number; architectures: Architecture[]; firmwares: Firmware[] }> {
  const [capacity, { architectures, firmwares }] = await Promise.all([capacityOf(host), host.facts()])
  return { ...capacity, architectures, firmwares }
}
