import type { Cloud, InstanceSize } from '#shared/clouds/port.ts'
import { isCustomSize } from '#shared/placement/custom.ts'
import { chooseSize, type SizeDemand } from '#shared/placement/sizes.ts'

type Sizes = Pick<Cloud, 'compute'>

/**
 * The cloud's own size for a demand in a region; see `chooseSize`. A size of one's own is taken as it is named.
 * @throws PlacementError as `chooseSize` does; CloudError `unsupported` or `invalid_request` for a size of one's own that the cloud does not have.
 */
export async function sizeFor({ compute }: Sizes, region: string, demand: SizeDemand): Promise<InstanceSize> {
  const { instanceType } = demand
  const own = instanceType === undefined ? undefined : await ownSize(compute, region, instanceType)
  return chooseSize(own ? [own] : await compute.sizes(region), demand)
}

/** What a size of the cloud's has, by its exact name; undefined if there is none of it. @throws CloudError as `sizeFor` does. */
export async function sizeNamed(
  { compute }: Sizes,
  region: string,
  name: string,
): Promise<InstanceSize | undefined> {
  const own = await ownSize(compute, region, name)
  return own ?? (await compute.sizes(region)).find((size) => size.name === name)
}

const ownSize = (
  compute: Sizes['compute'],
  region: string,
  name: string,
): Promise<InstanceSize | undefined> =>
  isCustomSize(name) ? compute.customSize(region, name) : Promise.resolve(undefined)
