import type { Architecture, Firmware } from '#shared/clouds/port.ts'
import type { NetworkKind } from '#shared/clouds/onprem/host.ts'
import { refusal } from '#shared/clouds/onprem/refusals.ts'

/** What a VM needs of its host. */
export interface Demand {
  /** Of the VM to be placed: what it claims already does not stand in its own way. */
  id: string
  vcpus: number
  memoryMib: number
  /** What will be written to a pool at once; disks grow from there as they are used. */
  storageBytes: number
  architecture: Architecture
  firmware: Firmware
  network: { kind: NetworkKind; bridge?: string }
  /** A host without any other VM. */
  dedicated: boolean
  /** The host that it must be, and the one that it had better be because its disks lie there. */
  zone?: string
  near?: string
  /** A host that it must not be. */
  except?: string
}

/** What a VM takes of its host, whether it runs or not: a stopped one can always be started again. */
export interface Claim {
  id: string
  vcpus: number
  memoryMib: number
  dedicated: boolean
}

/** A host as placement sees it. */
export interface HostView {
  name: string
  /** After over-commit. */
  vcpus: number
  memoryMib: number
  claims: readonly Claim[]
  maintenance: boolean
  /** Of its roomiest pool. */
  freeBytes: number
  architectures: readonly Architecture[]
  firmwares: readonly Firmware[]
  networkKinds: readonly NetworkKind[]
  bridges: readonly string[]
}

/**
 * Hosts that can take a VM, best first: the one that its disks are on, then the one with the largest share of CPU and memory left free (of the
 * two the scarcer counts), so that load spreads; equals go by name. Pure.
 * @throws CloudError `capacity` if there is none, saying of each host why not.
 */
export function rankHosts(
  demand: Demand,
  views: readonly HostView[],
  unreachable: readonly string[] = [],
): HostView[] {
  const judged = views.map((view) => ({ view, reason: reasonAgainst(demand, view) }))
  const fit = judged.flatMap(({ view, reason }) => (reason === undefined ? [view] : []))
  if (fit.length === 0)
    throw refusal('compute.create', messageOf(demand, [...judged.map(said), ...unreachable]), {
      code: 'capacity',
      kind: 'capacity',
      scope: scopeOf(demand),
      remedy: 'Ask for less, free room on a host, end its maintenance, or register another host.',
    })
  return fit.toSorted(
    (a, b) =>
      Number(b.name === demand.near) - Number(a.name === demand.near) ||
      freeShare(demand, b) - freeShare(demand, a) ||
      (a.name < b.name ? -1 : 1),
  )
}

/** Why a host cannot take a VM; undefined if it can. */
export function reasonAgainst(demand: Demand, view: HostView): string | undefined {
  if (demand.zone !== undefined && demand.zone !== view.name) return `is not ${demand.zone}`
  if (view.maintenance) return 'is in maintenance'
  if (!view.architectures.includes(demand.architecture)) return `does not run ${demand.architecture}`
  if (!view.firmwares.includes(demand.firmware)) return `has no firmware for ${demand.firmware.toUpperCase()}`
  if (!view.networkKinds.includes(demand.network.kind)) return `offers no ${demand.network.kind} network`
  const { bridge } = demand.network
  if (bridge !== undefined && !view.bridges.includes(bridge)) return `has no bridge ${bridge}`
  return reasonByRoom(demand, view)
}

/** The part of it that other VMs can change in the next moment. */
export function reasonByRoom(
  demand: Pick<Demand, 'id' | 'vcpus' | 'memoryMib' | 'dedicated' | 'storageBytes'>,
  view: Pick<HostView, 'claims' | 'vcpus' | 'memoryMib' | 'freeBytes'>,
): string | undefined {
  const others = view.claims.filter(({ id }) => id !== demand.id)
  if (others.some(({ dedicated }) => dedicated)) return 'is dedicated to another VM'
  if (demand.dedicated && others.length > 0) return 'has other VMs'
  const [vcpus, memoryMib] = left(demand, view)
  if (vcpus < demand.vcpus) return `has ${vcpus} vCPU left, not ${demand.vcpus}`
  if (memoryMib < demand.memoryMib) return `has ${memoryMib} MiB of memory left, not ${demand.memoryMib}`
  if (view.freeBytes < demand.storageBytes)
    return `has ${mib(view.freeBytes)} MiB of storage left, not ${mib(demand.storageBytes)}`
  return undefined
}

function left(
  { id }: Pick<Demand, 'id'>,
  { claims, vcpus, memoryMib }: Pick<HostView, 'claims' | 'vcpus' | 'memoryMib'>,
): [vcpus: number, memoryMib: number] {
  const others = claims.filter((claim) => claim.id !== id)
  return [
    vcpus - others.reduce((sum, claim) => sum + claim.vcpus, 0),
    memoryMib - others.reduce((sum, claim) => sum + claim.memoryMib, 0),
  ]
}

function freeShare(demand: Demand, view: HostView): number {
  const [vcpus, memoryMib] = left(demand, view)
  return Math.min((vcpus - demand.vcpus) / view.vcpus, (memoryMib - demand.memoryMib) / view.memoryMib)
}

const said = ({ view, reason = '' }: { view: HostView; reason?: string | undefined }) =>
  `${view.name} ${reason}`

const messageOf = ({ vcpus, memoryMib }: Demand, reasons: readonly string[]) =>
  `No host has room for a VM with ${vcpus} vCPU and ${memoryMib} MiB: ${reasons.join('; ')}.`

const scopeOf = ({ zone }: Demand) => (zone === undefined ? 'region' : 'zone')

const mib = (bytes: number) => Math.floor(bytes / 2 ** 20)
