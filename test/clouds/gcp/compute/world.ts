import { createHash, randomBytes } from 'node:crypto'
import { createLifecycle, type Clock, type Life, type Transitions } from '#test/clouds/core/clock.ts'
import type { DiskStore } from '#test/clouds/core/disks.ts'
import { regionsOfGcp, type Region } from '#test/clouds/gcp/compute/places.ts'
import { Refusal } from '#test/clouds/gcp/refusal.ts'

export type Collection =
  | 'instances'
  | 'disks'
  | 'snapshots'
  | 'images'
  | 'networks'
  | 'subnetworks'
  | 'firewalls'
  | 'addresses'

/** Anything of Compute Engine that has a URL. */
export interface Thing {
  collection: Collection
  /** `projects/{project}/zones/{zone}/instances/{name}` */
  path: string
  /** Its zone or region; '' for global things. */
  place: string
  name: string
  /** The number that the service gives. */
  id: string
  seq: number
  createdMs: number
  /** Lists show it from then on. */
  listedFromMs: number
  life: Life<string>
  /** What the service keeps of the body it was made of, as it gives it back. */
  body: Body
}

export type Body = Record<string, unknown>

/** An operation: what a changing call gives back at once. */
export interface Operation {
  name: string
  id: string
  type: string
  /** Path of what it is about. */
  target: string
  targetId: string
  zone: string | undefined
  region: string | undefined
  startedMs: number
  endsMs: number
  /** What it waits for. */
  work?: Promise<Operation['error']> | undefined
  error: { code: string; message: string; httpStatus: number } | undefined
}

export interface ComputeWorld {
  readonly project: string
  readonly regions: ReadonlyMap<string, Region>
  readonly things: Map<string, Thing>
  readonly operations: Map<string, Operation>
  /** Changing calls by their `requestId`, with a digest of what was asked. */
  readonly requests: Map<string, { digest: string; operation: string }>
  readonly cpuQuota: number
  /** Key of the public image's bytes in the disk store. */
  readonly baseDisk: string
  readonly baseSizeGb: number
  nextSeq(): number
}

const gibibyte = 2 ** 30

/** A project with its default network, and a public Linux image. */
export async function createComputeWorld({
  project,
  clock,
  disks,
  imagePath,
  cpuQuota,
}: {
  project: string
  clock: Clock
  disks: DiskStore
  imagePath: string | undefined
  cpuQuota: number
}): Promise<ComputeWorld> {
  let seq = 0
  const baseDisk = 'base-image'
  const world: ComputeWorld = {
    project,
    regions: regionsOfGcp(),
    things: new Map(),
    operations: new Map(),
    requests: new Map(),
    cpuQuota,
    baseDisk,
    baseSizeGb: await makeBaseDisk(disks, baseDisk, imagePath),
    nextSeq: () => ++seq,
  }
  seedNetwork(world, clock)
  for (const [name, made] of [
    ['ubuntu-2404-noble-amd64-v20260312', '2026-03-12T04:05:06.000-07:00'],
    ['ubuntu-2404-noble-amd64-v20260930', '2026-09-30T04:05:06.000-07:00'],
  ] as const) {
    const image = addThing(
      world,
      clock,
      { project: 'ubuntu-os-cloud', collection: 'images', place: '', name },
      'READY',
      {
        family: 'ubuntu-2404-lts-amd64',
        description: 'Canonical, Ubuntu, 24.04 LTS, amd64 noble image',
        architecture: 'X86_64',
        sourceType: 'RAW',
        diskSizeGb: String(world.baseSizeGb),
        archiveSizeBytes: '1048576',
        guestOsFeatures: [{ type: 'UEFI_COMPATIBLE' }, { type: 'VIRTIO_SCSI_MULTIQUEUE' }, { type: 'GVNIC' }],
      },
    )
    image.createdMs = Date.parse(made)
    await disks.clone(image.path, baseDisk)
  }
  return world
}

/** Enters a thing in a state; `transitions` are those that pass by themselves. */
export function addThing(
  world: ComputeWorld,
  clock: Clock,
  at: { project?: string; collection: Collection; place: string; name: string },
  state: string,
  body: Body,
  {
    transitions = {},
    onEnter,
    listedAfterMs = 0,
  }: {
    transitions?: Transitions<string>
    onEnter?: (state: string) => void
    listedAfterMs?: number
  } = {},
): Thing {
  const path = pathOf(world, at)
  const thing: Thing = {
    ...at,
    path,
    id: newNumber(),
    seq: world.nextSeq(),
    createdMs: clock.now(),
    listedFromMs: clock.now() + listedAfterMs,
    life: createLifecycle<string>({ transitions, clock }).start(state, onEnter),
    body,
  }
  world.things.set(path, thing)
  return thing
}

export function pathOf(
  world: Pick<ComputeWorld, 'project'>,
  {
    project = world.project,
    collection,
    place,
    name,
  }: { project?: string; collection: Collection; place: string; name: string },
): string {
  const scope = place === '' ? 'global' : zoned.has(collection) ? `zones/${place}` : `regions/${place}`
  return `projects/${project}/${scope}/${collection}/${name}`
}

/** The thing behind a reference: a whole URL, a `projects/…` path, or one that begins at its scope. */
export function resolve(
  world: ComputeWorld,
  reference: unknown,
  collection: Collection,
  field: string,
): Thing {
  const text = typeof reference === 'string' ? reference : ''
  const path = text.replace(/^https?:\/\/[^/]+\/(compute\/v1\/)?/, '')
  const whole = path.startsWith('projects/') ? path : `projects/${world.project}/${path}`
  const found = world.things.get(whole)
  if (found?.collection === collection) return found
  if (!whole.includes(`/${collection}/`))
    throw new Refusal(400, 'invalid', `Invalid value for field '${field}': '${text}'. The URL is malformed.`)
  throw new Refusal(404, 'notFound', `The resource '${whole}' was not found`)
}

export const listOf = (world: ComputeWorld, collection: Collection): Thing[] =>
  [...world.things.values()].filter((thing) => thing.collection === collection)

/** 19 digits, as the service numbers everything. */
export const newNumber = (): string =>
  String(10n ** 18n + (randomBytes(8).readBigUInt64BE() % (8n * 10n ** 18n)))

/** Changes with what it is of; a change has to name the one it was made from. */
export const fingerprintOf = (value: unknown): string =>
  `${createHash('sha256')
    .update(JSON.stringify(value ?? null))
    .digest('base64url')
    .slice(0, 11)}=`

const zoned = new Set<Collection>(['instances', 'disks'])

async function makeBaseDisk(disks: DiskStore, key: string, imagePath: string | undefined): Promise<number> {
  if (imagePath === undefined) {
    await disks.create(key, gibibyte)
    for (const offset of [0, 5 * 2 ** 20, gibibyte - 4096]) await disks.write(key, offset, randomBytes(4096))
    return 1
  }
  const { sizeBytes } = await disks.import(key, imagePath)
  const sizeGb = Math.max(1, Math.ceil(sizeBytes / gibibyte))
  await disks.resize(key, sizeGb * gibibyte)
  return sizeGb
}

/** The network `default` that projects come with, a subnet in every region, and its four permissive rules. */
function seedNetwork(world: ComputeWorld, clock: Clock): void {
  const network = addThing(world, clock, { collection: 'networks', place: '', name: 'default' }, 'READY', {
    description: 'Default network for the project',
    autoCreateSubnetworks: true,
    routingConfig: { routingMode: 'REGIONAL' },
  })
  for (const [index, region] of [...world.regions.keys()].entries()) {
    addThing(world, clock, { collection: 'subnetworks', place: region, name: 'default' }, 'READY', {
      network: network.path,
      ipCidrRange: `10.${128 + index * 2}.0.0/20`,
      purpose: 'PRIVATE',
    })
  }
  const rules = [
    ['default-allow-icmp', [{ IPProtocol: 'icmp' }], ['0.0.0.0/0']],
    [
      'default-allow-internal',
      [
        { IPProtocol: 'tcp', ports: ['0-65535'] },
        { IPProtocol: 'udp', ports: ['0-65535'] },
        { IPProtocol: 'icmp' },
      ],
      ['10.128.0.0/9'],
    ],
    ['default-allow-rdp', [{ IPProtocol: 'tcp', ports: ['3389'] }], ['0.0.0.0/0']],
    ['default-allow-ssh', [{ IPProtocol: 'tcp', ports: ['22'] }], ['0.0.0.0/0']],
  ] as const
  for (const [name, allowed, sourceRanges] of rules) {
    addThing(world, clock, { collection: 'firewalls', place: '', name }, 'READY', {
      network: network.path,
      direction: 'INGRESS',
      priority: 65534,
      disabled: false,
      allowed,
      sourceRanges,
    })
  }
}
