import { reading } from '#test/clouds/aws/action.ts'
import {
  canHibernate,
  instanceTypes,
  isBurstable,
  isXen,
  type InstanceType,
} from '#test/clouds/aws/catalog.ts'
import { filtered, notBoth, paged } from '#test/clouds/aws/querying.ts'
import { Refusal, invalidValue } from '#test/clouds/aws/refusal.ts'
import { filters, flag, list, nextToken, text, whole } from '#test/clouds/aws/shapes.ts'

const noTags = new Map<string, string>()

export const describeRegions = reading(
  { RegionName: list(text()), AllRegions: flag, Filter: filters },
  ({ RegionName, Filter }, { world }) => {
    const all = [...world.regions.keys()].map((name) => ({ name, tags: noTags }))
    const unknown = RegionName.find((name) => !world.regions.has(name))
    if (unknown !== undefined) throw invalidValue(`Invalid region name: ${unknown}`)
    const found = filtered(all, Filter, {
      'region-name': ({ name }) => [name],
      endpoint: ({ name }) => [`ec2.${name}.amazonaws.com`],
      'opt-in-status': () => ['opt-in-not-required'],
    }).filter(({ name }) => RegionName.length === 0 || RegionName.includes(name))
    return {
      regionInfo: found.map(({ name }) => ({
        regionName: name,
        regionEndpoint: `ec2.${name}.amazonaws.com`,
        optInStatus: 'opt-in-not-required',
      })),
    }
  },
)

export const describeAvailabilityZones = reading(
  { ZoneName: list(text()), ZoneId: list(text()), AllAvailabilityZones: flag, Filter: filters },
  ({ ZoneName, Filter }, { region }) => {
    const all = region.zones.map((name) => ({ name, tags: noTags }))
    const found = filtered(all, Filter, {
      'zone-name': ({ name }) => [name],
      'zone-type': () => ['availability-zone'],
      'region-name': () => [region.name],
      state: () => ['available'],
    }).filter(({ name }) => ZoneName.length === 0 || ZoneName.includes(name))
    return {
      availabilityZoneInfo: found.map(({ name }) => ({
        zoneName: name,
        zoneId: `${region.name.replace(/^([a-z]+)-([a-z])[a-z]*-/, '$1$2')}-az${region.zones.indexOf(name) + 1}`,
        zoneState: 'available',
        zoneType: 'availability-zone',
        regionName: region.name,
        groupName: region.name,
        optInStatus: 'opt-in-not-required',
      })),
    }
  },
)

const typeItems = instanceTypes.map((type, index) => ({ ...type, seq: index + 1, tags: noTags }))

export const describeInstanceTypes = reading(
  { InstanceType: list(text()), Filter: filters, MaxResults: whole(5, 100), NextToken: nextToken },
  ({ InstanceType: names, Filter, MaxResults, NextToken }, { world }) => {
    notBoth(names, MaxResults, 'InstanceTypes')
    const unknown = names.filter((name) => !instanceTypes.some((type) => type.name === name))
    if (unknown.length > 0) {
      throw new Refusal(
        'InvalidInstanceType',
        `The following supplied instance types do not exist: [${unknown.join(', ')}]`,
      )
    }
    const found = filtered(typeItems, Filter, {
      'instance-type': ({ name }) => [name],
      'processor-info.supported-architecture': ({ architecture }) => [architecture],
      'supported-boot-mode': ({ bootModes }) => bootModes,
      'vcpu-info.default-vcpus': ({ vcpus }) => [String(vcpus)],
      'memory-info.size-in-mib': ({ memoryMib }) => [String(memoryMib)],
      'hibernation-supported': ({ name }) => [String(canHibernate(name))],
      'burstable-performance-supported': ({ name }) => [String(isBurstable(name))],
    }).filter(({ name }) => names.length === 0 || names.includes(name))
    // The service never gives more than 100 at once, asked or not.
    const { page, nextToken: next } = paged(world, found, {
      query: ['types', names, Filter],
      maxResults: MaxResults ?? 100,
      nextToken: NextToken,
    })
    return { instanceTypeSet: page.map(typeInfo), nextToken: next }
  },
)

const typeInfo = ({ name, vcpus, memoryMib, architecture, gpus, bootModes, network }: InstanceType) => ({
  instanceType: name,
  currentGeneration: !isXen(name),
  bareMetal: name.endsWith('.metal'),
  hypervisor: isXen(name) ? 'xen' : 'nitro',
  supportedUsageClasses: ['on-demand', 'spot'],
  supportedRootDeviceTypes: ['ebs'],
  supportedVirtualizationTypes: ['hvm'],
  processorInfo: { supportedArchitectures: [architecture] },
  vCpuInfo: { defaultVCpus: vcpus },
  memoryInfo: { sizeInMiB: memoryMib },
  networkInfo: { networkPerformance: network, enaSupport: isXen(name) ? 'unsupported' : 'required' },
  gpuInfo: gpus === 0 ? undefined : { gpus: [{ count: gpus }] },
  burstablePerformanceSupported: isBurstable(name),
  supportedBootModes: bootModes,
  hibernationSupported: canHibernate(name),
})
