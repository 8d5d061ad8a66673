import { json, Refusal } from '#test/clouds/gcp/refusal.ts'
import { customTypeOf } from '#test/clouds/gcp/compute/custom-types.ts'
import { page } from '#test/clouds/gcp/compute/lists.ts'
import type { Handlers } from '#test/clouds/gcp/compute/handler.ts'
import type { World } from '#test/clouds/gcp/world.ts'

export interface Region {
  name: string
  zones: string[]
}

/** Six of Google's regions with their zones. */
export const regionsOfGcp = (): ReadonlyMap<string, Region> =>
  new Map(
    (
      [
        ['us-central1', 'abcf'],
        ['us-east1', 'bcd'],
        ['europe-west1', 'bcd'],
        ['europe-west4', 'abc'],
        ['asia-east1', 'abc'],
        ['australia-southeast1', 'abc'],
      ] as const
    ).map(([name, letters]) => [
      name,
      { name, zones: letters.split('').map((letter) => `${name}-${letter}`) },
    ]),
  )

export interface MachineType {
  name: string
  guestCpus: number
  memoryMb: number
  isSharedCpu: boolean
  architecture: 'X86_64' | 'ARM64'
  gpus: number
}

/** https://cloud.google.com/compute/docs/machine-resource */
export const machineTypes: readonly MachineType[] = [
  ...family('e2-standard', [2, 4, 8, 16, 32], 4096),
  ...family('e2-highmem', [2, 4, 8, 16], 8192),
  ...family('n2-standard', [2, 4, 8, 16, 32, 48, 64, 80, 96, 128], 4096),
  ...family('n2d-standard', [2, 4, 8, 16, 32], 4096),
  ...family('c3-standard', [4, 8, 22, 44, 88, 176], 4096),
  ...family('n4-standard', [2, 4, 8, 16, 32, 48, 64, 80], 4096),
  ...family('t2a-standard', [1, 2, 4, 8, 16, 32, 48], 4096, 'ARM64'),
  { name: 'e2-micro', guestCpus: 2, memoryMb: 1024, isSharedCpu: true, architecture: 'X86_64', gpus: 0 },
  { name: 'e2-small', guestCpus: 2, memoryMb: 2048, isSharedCpu: true, architecture: 'X86_64', gpus: 0 },
  { name: 'e2-medium', guestCpus: 2, memoryMb: 4096, isSharedCpu: true, architecture: 'X86_64', gpus: 0 },
  {
    name: 'a2-highgpu-1g',
    guestCpus: 12,
    memoryMb: 87040,
    isSharedCpu: false,
    architecture: 'X86_64',
    gpus: 1,
  },
]

/** Projects, regions, zones and machine types. */
export const placeHandlers: Handlers = {
  'compute.projects.get': ({ world }) =>
    json(200, {
      kind: 'compute#project',
      id: world.projectNumber,
      name: world.project,
      creationTimestamp: '2026-01-05T00:00:00.000-08:00',
      defaultServiceAccount: `${world.projectNumber}-compute@developer.gserviceaccount.com`,
      selfLink: `${world.url()}/compute/v1/projects/${world.project}`,
      commonInstanceMetadata: { kind: 'compute#metadata', fingerprint: 'AAAAAAAAAAA=' },
      quotas: projectQuotas(world),
    }),
  'compute.regions.list': (ask) =>
    page(
      ask,
      'compute#regionList',
      [...ask.world.compute.regions.values()].map((region) => regionView(ask.world, region)),
    ),
  'compute.regions.get': ({ world, path }) =>
    json(200, regionView(world, regionNamed(world, path['region']))),
  'compute.zones.list': (ask) =>
    page(
      ask,
      'compute#zoneList',
      [...ask.world.compute.regions.values()].flatMap(({ name, zones }) =>
        zones.map((zone) => zoneView(ask.world, name, zone)),
      ),
    ),
  'compute.zones.get': ({ world, path }) => {
    const zone = path['zone'] ?? ''
    return json(200, zoneView(world, regionOf(world, zone), zone))
  },
  'compute.machineTypes.list': (ask) => {
    const zone = ask.path['zone'] ?? ''
    regionOf(ask.world, zone)
    return page(
      ask,
      'compute#machineTypeList',
      machineTypes.map((type) => machineTypeView(ask.world, zone, type)),
    )
  },
  'compute.machineTypes.get': ({ world, path }) => {
    const zone = path['zone'] ?? ''
    regionOf(world, zone)
    const found = typeNamed(path['machineType'] ?? '')
    if (found) return json(200, machineTypeView(world, zone, found))
    throw new Refusal(
      404,
      'notFound',
      `The resource 'projects/${world.project}/zones/${zone}/machineTypes/${path['machineType']}' was not found`,
    )
  },
}

/** The region of a zone. @throws Refusal 400 for a zone that is none. */
export function regionOf({ compute }: Pick<World, 'compute'>, zone: string): string {
  for (const { name, zones } of compute.regions.values()) if (zones.includes(zone)) return name
  throw new Refusal(400, 'invalid', `Invalid value for field 'zone': '${zone}'. Unknown zone.`)
}

export function regionNamed({ compute }: Pick<World, 'compute'>, region: string | undefined): Region {
  const found = compute.regions.get(region ?? '')
  if (found) return found
  throw new Refusal(400, 'invalid', `Invalid value for field 'region': '${region}'. Unknown region.`)
}

/** The machine type that a URL names. */
export function machineTypeOf(reference: unknown): MachineType {
  const name = typeof reference === 'string' ? (reference.split('/').at(-1) ?? '') : ''
  const found = typeNamed(name)
  if (found) return found
  throw new Refusal(
    400,
    'invalid',
    `Invalid value for field 'resource.machineType': '${String(reference)}'. The referenced resource does not exist.`,
  )
}

function typeNamed(name: string): MachineType | undefined {
  const custom = customTypeOf(name)
  return custom
    ? { name, ...custom, isSharedCpu: false, architecture: 'X86_64', gpus: 0 }
    : machineTypes.find((type) => type.name === name)
}

/** vCPUs that run in a region: what the quota CPUS counts. */
export const cpusIn = (world: World, region: string): number =>
  [...world.compute.things.values()]
    .filter(({ collection, place }) => collection === 'instances' && regionOf(world, place) === region)
    .filter(
      ({ life, body }) => !['TERMINATED', 'SUSPENDED'].includes(life.state()) && body['populated'] !== true,
    )
    .reduce((sum, { body }) => sum + machineTypeOf(body['machineType']).guestCpus, 0)

function family(
  prefix: string,
  sizes: number[],
  memoryMbEach: number,
  architecture: MachineType['architecture'] = 'X86_64',
): MachineType[] {
  return sizes.map((guestCpus) => ({
    name: `${prefix}-${guestCpus}`,
    guestCpus,
    memoryMb: guestCpus * memoryMbEach,
    isSharedCpu: false,
    architecture,
    gpus: 0,
  }))
}

const count = (world: World, collection: string, within: (place: string) => boolean): number =>
  [...world.compute.things.values()].filter(
    (thing) =>
      thing.collection === collection &&
      thing.path.startsWith(`projects/${world.project}/`) &&
      within(thing.place),
  ).length

const projectQuotas = (world: World) => [
  { metric: 'SNAPSHOTS', limit: 1000, usage: count(world, 'snapshots', () => true) },
  { metric: 'NETWORKS', limit: 15, usage: count(world, 'networks', () => true) },
  { metric: 'FIREWALLS', limit: 200, usage: count(world, 'firewalls', () => true) },
  { metric: 'IMAGES', limit: 200, usage: count(world, 'images', () => true) },
]

function regionView(world: World, { name, zones }: Region) {
  const inZone = (zone: string) => zones.includes(zone)
  const disksGb = [...world.compute.things.values()]
    .filter(({ collection, place }) => collection === 'disks' && inZone(place))
    .reduce((sum, { body }) => sum + Number(body['sizeGb']), 0)
  return {
    kind: 'compute#region',
    id: String(1000 + [...world.compute.regions.keys()].indexOf(name)),
    name,
    description: name,
    status: 'UP',
    zones: zones.map((zone) => `${world.url()}/compute/v1/projects/${world.project}/zones/${zone}`),
    quotas: [
      { metric: 'CPUS', limit: world.compute.cpuQuota, usage: cpusIn(world, name) },
      { metric: 'PREEMPTIBLE_CPUS', limit: 0, usage: 0 },
      { metric: 'INSTANCES', limit: 720, usage: count(world, 'instances', inZone) },
      { metric: 'DISKS_TOTAL_GB', limit: 102_400, usage: disksGb },
      { metric: 'SSD_TOTAL_GB', limit: 81_920, usage: 0 },
      { metric: 'STATIC_ADDRESSES', limit: 8, usage: count(world, 'addresses', (place) => place === name) },
      { metric: 'IN_USE_ADDRESSES', limit: 575, usage: count(world, 'instances', inZone) },
    ],
    selfLink: `${world.url()}/compute/v1/projects/${world.project}/regions/${name}`,
  }
}

const zoneView = (world: World, region: string, zone: string) => ({
  kind: 'compute#zone',
  id: '2000',
  name: zone,
  description: zone,
  status: 'UP',
  region: `${world.url()}/compute/v1/projects/${world.project}/regions/${region}`,
  selfLink: `${world.url()}/compute/v1/projects/${world.project}/zones/${zone}`,
})

const machineTypeView = (world: World, zone: string, { gpus, ...type }: MachineType) => ({
  kind: 'compute#machineType',
  id: String(100_000 + type.guestCpus * 1000 + (type.memoryMb % 1000)),
  ...type,
  description: `${type.guestCpus} vCPUs, ${type.memoryMb / 1024} GB RAM`,
  maximumPersistentDisks: 128,
  maximumPersistentDisksSizeGb: '263168',
  ...(gpus === 0
    ? {}
    : { accelerators: [{ guestAcceleratorType: 'nvidia-tesla-a100', guestAcceleratorCount: gpus }] }),
  zone,
  selfLink: `${world.url()}/compute/v1/projects/${world.project}/zones/${zone}/machineTypes/${type.name}`,
})
