import { join } from 'node:path'
import { createHash } from 'node:crypto'
import type { SecurityRule } from '#shared/clouds/facets/networks.ts'
import { HostError } from '#shared/clouds/onprem/gate.ts'
import type { HostNetworks, MachineSpec } from '#shared/clouds/onprem/host.ts'
import type { QemuHost } from '#shared/clouds/onprem/qemu/base.ts'
import { readJson, removeDurably, writeDurably } from '#shared/clouds/onprem/qemu/files.ts'
import { peekDefinition } from '#shared/clouds/onprem/qemu/machines/definition.ts'
import { seeAll } from '#shared/clouds/onprem/qemu/machines/status.ts'
import { presentBridges } from '#shared/clouds/onprem/qemu/networks/bridges.ts'
import {
  applyRuleset,
  compileRuleset,
  whyNoFilter,
  type FilteredInterface,
} from '#shared/clouds/onprem/qemu/networks/nftables.ts'
import { tapName } from '#shared/clouds/onprem/qemu/networks/taps.ts'

/** User-mode networks need nothing from the host; bridges are the host's own. */
export function createNetworks(host: QemuHost): HostNetworks {
  const { gate } = host
  return {
    bridges: () =>
      gate({ operation: 'ip link show', mutating: false, resource: host.name }, () => presentBridges(host)),
    createNat: () => Promise.reject(noNat(host)),
    // What cannot be made is not there to be removed.
    removeNat: async () => undefined,
    natNetworks: async () => [],
    async setFilter(groupId, rules) {
      await host.ready()
      const path = filterPath(host, groupId)
      const payload = Buffer.from(JSON.stringify(rules))
      await gate({ operation: 'record put', mutating: true, resource: groupId, payload }, () =>
        writeDurably(path, payload.toString()),
      )
      await applyFilters(host)
    },
    async removeFilter(groupId) {
      const path = filterPath(host, groupId)
      await gate({ operation: 'record remove', mutating: true, resource: groupId }, () => removeDurably(path))
      await applyFilters(host)
    },
  }
}

/** Before a machine's guest runs, its bridged interfaces are bound. */
export async function bindFilters(host: QemuHost, spec: MachineSpec): Promise<void> {
  if (spec.nics.some((nic) => nic.kind === 'bridge')) await applyFilters(host)
}

/** Sets the rules of all bridged interfaces of this host at once, so that none is ever without. User-mode networks have their forwards. */
async function applyFilters(host: QemuHost): Promise<void> {
  if (host.settings.bridges.length === 0) return
  const interfaces = await boundInterfaces(host)
  const why = await whyNoFilter()
  if (why !== undefined && interfaces.length > 0)
    throw new HostError('unsupported', `no security group can bind an interface on a bridge: ${why}`)
  if (why !== undefined) return
  const ruleset = compileRuleset(tableName(host), interfaces)
  await host.gate(
    { operation: 'nft -f', mutating: true, resource: host.name, payload: Buffer.from(ruleset) },
    (signal) => applyRuleset(ruleset, signal),
  )
}

async function boundInterfaces(host: QemuHost): Promise<FilteredInterface[]> {
  const bound: FilteredInterface[] = []
  for (const { id } of await seeAll(host)) {
    const spec = (await peekDefinition(host, id))?.spec
    for (const [index, nic] of spec?.nics.entries() ?? []) {
      if (nic.kind !== 'bridge' || nic.filters.length === 0) continue
      const rules = await Promise.all(nic.filters.map((group) => readJson(filterPath(host, group))))
      bound.push({
        tap: tapName(id, index),
        rules: (rules as (SecurityRule[] | undefined)[]).flatMap((one) => one ?? []),
      })
    }
  }
  return bound
}

function filterPath({ layout }: QemuHost, groupId: string): string {
  if (/^[A-Za-z0-9-]{1,64}$/.test(groupId)) return join(layout.filters, `${groupId}.json`)
  throw new HostError('invalid_request', `${JSON.stringify(groupId)} is no security group's id`)
}

/** Hosts of one machine have tables of their own. */
const tableName = ({ layout }: QemuHost): string =>
  `novacron_${createHash('sha256').update(layout.folder).digest('hex').slice(0, 12)}`

const noNat = (host: QemuHost): HostError =>
  new HostError(
    'unsupported',
    `host ${host.name} offers no NAT networks: the qemu driver works without rights to make one; use a user-mode network, or the libvirt driver`,
  )
