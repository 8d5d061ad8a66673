import { createLifecycle, type Clock, type Life } from '#test/clouds/core/clock.ts'
import type { RuleGiven } from '#test/clouds/azure/networks/rules.ts'

export type Tags = Record<string, string>
/** A thing that is made, exists and is deleted. */
export type Phase = 'creating' | 'ready' | 'deleting' | 'gone'
/** The same of a VM, with its power. */
export type VmPhase =
  | Phase
  | 'running'
  | 'starting'
  | 'restarting'
  | 'deallocating'
  | 'deallocated'
  | 'hibernating'
  | 'hibernated'
  | 'failing'
  | 'failed'

interface Common {
  /** As first spelt; looked up in any case. */
  id: string
  name: string
  group: string
  location: string
  tags: Tags
  createdAt: Date
}

/** A signature that is out for the bytes of a disk or snapshot. */
export interface Grant {
  policyId: string
  level: 'Read' | 'Write'
  expiresAtMs: number
  url: string
}

interface Bytes {
  /** In the disk store. */
  storeId: string
  /** Without the VHD footer. */
  sizeBytes: number
  footer: Buffer
  grant?: Grant
  uniqueId: string
  etag: string
  /** Id of the disk encryption set; undefined for a key of Azure's own. */
  encryptionSet?: string
  /** The part of the PUT body that is answered as it was given. */
  given: Record<string, unknown>
  architecture: 'x64' | 'Arm64'
  generation: 'V1' | 'V2'
}

export interface Disk extends Common, Bytes {
  kind: 'disk'
  life: Life<Phase>
  zones: string[]
  sku: string
  upload: 'none' | 'ready' | 'active'
  /** The VM that has it. */
  managedBy?: string
  /** When the VM will have let go of it. */
  detachedAtMs?: number
}

export interface Snapshot extends Common, Bytes {
  kind: 'snapshot'
  /** `uniqueId` of the disk it is of. */
  sourceUniqueId: string
  life: Life<Phase>
}

export interface IpConfiguration {
  name: string
  subnetId: string
  privateIp: string
  addressId?: string
  addressDeleteOption?: string
}

export interface Nic extends Common {
  kind: 'nic'
  life: Life<Phase>
  configurations: IpConfiguration[]
  vmId?: string
  /** Id of its network security group. */
  groupId?: string
  etag: string
  given: Record<string, unknown>
}

export interface Address extends Common {
  kind: 'address'
  life: Life<Phase>
  ip: string
  etag: string
  given: Record<string, unknown>
}

export interface Network extends Common {
  kind: 'network'
  life: Life<Phase>
  prefixes: string[]
  subnets: Subnet[]
  etag: string
  /** A change of a subnet is under way until then. */
  busyUntilMs: number
}

export interface Subnet {
  name: string
  prefix: string
  /** Of the addresses in it, the next to be given out. */
  nextHost: number
  etag: string
  defaultOutboundAccess: boolean
  groupId?: string
}

export interface SecurityGroup extends Common {
  kind: 'nsg'
  life: Life<Phase>
  rules: RuleGiven[]
  etag: string
}

export interface Vm extends Common {
  kind: 'vm'
  life: Life<VmPhase>
  vmId: string
  size: string
  zones: string[]
  osDisk: { id: string; deleteOption: string; given: Record<string, unknown> }
  dataDisks: { id: string; lun: number; deleteOption: string; given: Record<string, unknown> }[]
  generation: 'V1' | 'V2'
  nics: { id: string; primary: boolean; deleteOption: string }[]
  /** What may never change: compared on every later PUT. */
  fixed: Record<string, unknown>
  /** Answered as given, secrets left out. */
  shown: Record<string, unknown>
  diagnostics: boolean
  etag: string
  hibernationEnabled: boolean
  extensions: { name: string; given: Record<string, unknown>; readyAtMs: number }[]
  /** Put there by the test: no quota is counted for it. */
  uncounted?: boolean
  failure?: { code: string; message: string }
}

export type Resource = Disk | Snapshot | Nic | Address | Network | SecurityGroup | Vm
type Kind = Resource['kind']
type Of<K extends Kind> = Extract<Resource, { kind: K }>

/** All that exists in the subscription. */
export interface Estate {
  readonly groups: Map<string, { name: string; location: string; tags: Tags }>
  get<K extends Kind>(kind: K, id: string): Of<K> | undefined
  /** In order of creation, of one group if named. */
  list<K extends Kind>(kind: K, group?: string): Of<K>[]
  add(resource: Resource): void
  /** Lets a disk's VM let go of it at that time. */
  release(disk: Disk, atMs: number): void
  /** The life of a thing that takes `createMs` to make and `deleteMs` to delete. */
  begin(createMs: number, deleteMs: number, onGone: () => void): Life<Phase>
  drop(id: string): void
}

export function createEstate(clock: Clock): Estate {
  const resources = new Map<string, Resource>()
  /** What may change by itself; looking at all of hundreds of things for each of them took seconds. */
  const moving = new Set<Resource>()
  const settle = () => {
    // A set may lose entries while it is walked: a life that ends here takes others along.
    for (const resource of moving) {
      const phase = resource.life.state()
      if (resource.kind === 'disk' && (resource.detachedAtMs ?? Infinity) <= clock.now()) {
        delete resource.managedBy
        delete resource.detachedAtMs
      }
      const detaching = resource.kind === 'disk' && resource.detachedAtMs !== undefined
      if (restful.has(phase) && !detaching) moving.delete(resource)
    }
  }
  return {
    groups: new Map(),
    get(kind, id) {
      settle()
      const found = resources.get(id.toLowerCase())
      return found?.kind === kind ? (found as Of<typeof kind>) : undefined
    },
    list(kind, group) {
      settle()
      return [...resources.values()].filter(
        (each): each is Of<typeof kind> =>
          each.kind === kind && (group === undefined || each.group.toLowerCase() === group.toLowerCase()),
      )
    },
    add(resource) {
      const { enter } = resource.life
      resource.life.enter = (state: never) => {
        moving.add(resource)
        enter(state)
      }
      moving.add(resource)
      resources.set(resource.id.toLowerCase(), resource)
    },
    release(disk, atMs) {
      disk.detachedAtMs = atMs
      moving.add(disk)
    },
    begin: (createMs, deleteMs, onGone) =>
      createLifecycle<Phase>({
        clock,
        transitions: {
          creating: { to: 'ready', afterMs: createMs },
          deleting: { to: 'gone', afterMs: deleteMs },
        },
      }).start('creating', (phase) => {
        if (phase === 'gone') onGone()
      }),
    drop: (id) => void resources.delete(id.toLowerCase()),
  }
}

/** States that nothing but a call ends. */
const restful = new Set<VmPhase>(['ready', 'running', 'deallocated', 'hibernated', 'failed', 'gone'])

/** Azure's `provisioningState`. */
export function provisioningState(phase: VmPhase): string {
  switch (phase) {
    case 'creating':
    case 'failing':
      return 'Creating'
    case 'starting':
    case 'restarting':
    case 'deallocating':
    case 'hibernating':
      return 'Updating'
    case 'deleting':
    case 'gone':
      return 'Deleting'
    case 'failed':
      return 'Failed'
    default:
      return 'Succeeded'
  }
}
