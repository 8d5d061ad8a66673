import { createHmac, randomBytes } from 'node:crypto'
import { createLifecycle, eventuallyVisible, type Clock, type Life } from '#test/clouds/core/clock.ts'
import type { DiskStore } from '#test/clouds/core/disks.ts'
import type { Machines } from '#test/clouds/core/machines.ts'
import { regionZones } from '#test/clouds/aws/catalog.ts'
import type {
  AttachmentState,
  Device,
  Image,
  Instance,
  InstanceState,
  Snapshot,
  Tagged,
  Volume,
} from '#test/clouds/aws/machine-records.ts'
import {
  nowhere,
  type ElasticIp,
  type Gateway,
  type NetworkInterface,
  type RouteTable,
  type SecurityGroup,
  type Subnet,
  type Vpc,
} from '#test/clouds/aws/network-records.ts'
import { Refusal } from '#test/clouds/aws/refusal.ts'
import type { Services } from '#test/clouds/aws/services/state.ts'

export type * from '#test/clouds/aws/machine-records.ts'

/** How long things take, in milliseconds. */
export interface Delays {
  pending: number
  stopping: number
  terminating: number
  /** A snapshot of a volume, and the completion of an imported one. */
  snapshot: number
  /** A new volume becoming available, and each step of attaching and detaching one. */
  volume: number
  /** Each half of changing a volume. */
  modification: number
  /** A new network or subnet becoming available. */
  network: number
  /** How long a new id is unknown to everything but the call that made it. */
  visible: number
  /** Life of a block token; the vendor's is seven days. */
  blockToken: number
}

export interface Region {
  name: string
  zones: string[]
  instances: Map<string, Instance>
  volumes: Map<string, Volume>
  snapshots: Map<string, Snapshot>
  images: Map<string, Image>
  groups: Map<string, SecurityGroup>
  vpcs: Map<string, Vpc>
  subnets: Map<string, Subnet>
  gateways: Map<string, Gateway>
  routeTables: Map<string, RouteTable>
  addresses: Map<string, ElasticIp>
  interfaces: Map<string, NetworkInterface>
  placementGroups: Set<string>
  keyPairs: Set<string>
  /** By client token: what was asked for with it, and what came of it. */
  launches: Map<string, { asked: string; instanceIds: string[] }>
  imports: Map<string, { asked: string; snapshotId: string }>
  volumeTokens: Map<string, { asked: string; volumeId: string }>
  visible: ReturnType<typeof eventuallyVisible>
}

export interface World {
  accountId: string
  regions: Map<string, Region>
  delays: Delays
  /** By which states pass and tokens expire. */
  clock: Clock
  /** Aborted when the cloud ends: what still waits for time to pass gives up. */
  closing: AbortSignal
  /** Most items on a page, whatever is asked for. */
  pageLimit: number
  /** Running vCPUs a region allows. */
  vcpuQuota: number
  /** VPCs and Elastic IPs that a region allows. */
  vpcQuota: number
  addressQuota: number
  store: DiskStore
  /** Undefined: nothing boots. */
  machines: Machines | undefined
  services: Services
  nextSeq(): number
  /** Signs tokens that the cloud gives out, so that a made-up one is refused. */
  seal(text: string): string
  unseal(token: string): string | undefined
  /** Takes over work that outlives its call. */
  background(work: Promise<unknown>): void
}

export function createWorld(
  options: Pick<
    World,
    | 'accountId'
    | 'delays'
    | 'clock'
    | 'closing'
    | 'pageLimit'
    | 'vcpuQuota'
    | 'vpcQuota'
    | 'addressQuota'
    | 'store'
    | 'machines'
    | 'services'
    | 'background'
  >,
): World {
  let seq = 0
  const secret = randomBytes(32)
  const mac = (text: string) => createHmac('sha256', secret).update(text).digest('base64url').slice(0, 22)
  return {
    ...options,
    regions: new Map(Object.keys(regionZones).map((name) => [name, createRegion(name, options)])),
    nextSeq: () => ++seq,
    seal: (text) => `${Buffer.from(text).toString('base64url')}.${mac(text)}`,
    unseal(token) {
      const [encoded = '', signature] = token.split('.')
      const plain = Buffer.from(encoded, 'base64url').toString()
      return signature === mac(plain) ? plain : undefined
    },
  }
}

export const newId = (prefix: string): string => `${prefix}-0${randomBytes(8).toString('hex')}`

/** What the region keeps under an id, unless it is too new to be known. */
export function find<T extends Tagged>(
  region: Region,
  kept: Map<string, T>,
  id: string,
  notFound: string,
): T {
  const found = kept.get(id)
  if (found && region.visible.has(id)) return found
  throw new Refusal(notFound, `The ID '${id}' does not exist`)
}

/** Lets time pass: what fell due since the last look happens now (a termination frees its volumes). */
export function settle(region: Region): void {
  for (const instance of region.instances.values()) {
    instance.life.state()
    for (const { life } of instance.devices) life.state()
  }
  for (const { modification } of region.volumes.values()) modification?.life.state()
}

export function startInstanceLife(
  world: World,
  region: Region,
  instance: () => Instance,
): Life<InstanceState> {
  const { pending, stopping, terminating } = world.delays
  return createLifecycle<InstanceState>({
    clock: world.clock,
    transitions: {
      pending: { to: 'running', afterMs: pending },
      stopping: { to: 'stopped', afterMs: stopping },
      'shutting-down': { to: 'terminated', afterMs: terminating },
    },
  }).start('pending', (state) => {
    if (state !== 'terminated') return
    releaseVolumes(world, region, instance())
    releaseNetwork(region, instance())
  })
}

/** Deletes a volume's record and bytes. */
export function dropVolume(world: World, region: Region, volume: Volume): void {
  region.volumes.delete(volume.id)
  world.background(volume.filled.then(() => world.store.remove(volume.id)))
}

/** Powers an instance on, if something here can. Only BIOS machines of x86 can be run. */
export async function powerOn(
  world: World,
  region: Region,
  instance: Instance,
  memoryMib: number,
): Promise<void> {
  if (!world.machines || instance.architecture !== 'x86_64' || instance.runsIn !== 'legacy-bios') return
  const volumes = instance.devices
    .toSorted((a, b) => Number(b.device === instance.rootDevice) - Number(a.device === instance.rootDevice))
    .flatMap(({ volumeId }) => region.volumes.get(volumeId) ?? [])
  await Promise.all(volumes.map((volume) => volume.filled))
  await world.machines.start(instance.id, {
    diskPaths: volumes.map(({ id }) => world.store.path(id)),
    memoryMib,
  })
}

/** A device on its way in; once it is out again, its volume is free. */
export function attach(
  world: World,
  instance: Instance,
  volume: Volume,
  facts: { device: string; deleteOnTermination: boolean; initial: 'attaching' | 'attached' },
): Device {
  const afterMs = world.delays.volume
  const device: Device = {
    device: facts.device,
    volumeId: volume.id,
    deleteOnTermination: facts.deleteOnTermination,
    attachedAt: new Date(world.clock.now()),
    life: createLifecycle<AttachmentState>({
      clock: world.clock,
      transitions: { attaching: { to: 'attached', afterMs }, detaching: { to: 'detached', afterMs } },
    }).start(facts.initial, (state) => {
      if (state !== 'detached') return
      instance.devices = instance.devices.filter((each) => each !== device)
      if (volume.attachedTo === instance.id) volume.attachedTo = undefined
    }),
  }
  volume.attachedTo = instance.id
  instance.devices.push(device)
  return device
}

/** Its interface goes with it; addresses that led to it stay, and lead nowhere. */
function releaseNetwork(region: Region, instance: Instance): void {
  region.interfaces.delete(instance.interfaceId)
  for (const address of region.addresses.values()) {
    if (address.instanceId === instance.id) Object.assign(address, nowhere)
  }
}

function releaseVolumes(world: World, region: Region, instance: Instance): void {
  for (const { volumeId, deleteOnTermination } of instance.devices) {
    const volume = region.volumes.get(volumeId)
    if (!volume) continue
    volume.attachedTo = undefined
    if (deleteOnTermination) dropVolume(world, region, volume)
  }
  instance.devices = []
}

const createRegion = (name: string, { delays, clock }: Pick<World, 'delays' | 'clock'>): Region => ({
  name,
  zones: regionZones[name] ?? [],
  instances: new Map(),
  volumes: new Map(),
  snapshots: new Map(),
  images: new Map(),
  groups: new Map(),
  vpcs: new Map(),
  subnets: new Map(),
  gateways: new Map(),
  routeTables: new Map(),
  addresses: new Map(),
  interfaces: new Map(),
  placementGroups: new Set(),
  keyPairs: new Set(),
  launches: new Map(),
  imports: new Map(),
  volumeTokens: new Map(),
  visible: eventuallyVisible(delays.visible, clock),
})
