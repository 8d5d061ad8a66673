import { CloudError } from '#shared/clouds/errors.ts'
import type { SecurityRule } from '#shared/clouds/facets/networks.ts'
import type { MachineSpec } from '#shared/clouds/onprem/host.ts'
import { uuidOf } from '#shared/clouds/onprem/ids.ts'
import type { LibvirtHost } from '#shared/clouds/onprem/libvirt/connection.ts'
import { checkedId, checkedUuid } from '#shared/clouds/onprem/libvirt/names.ts'
import { ask } from '#shared/clouds/onprem/libvirt/volumes/base.ts'
import { unless } from '#shared/clouds/onprem/libvirt/volumes/pools.ts'
import { toXml, type XmlElement } from '#shared/clouds/onprem/libvirt/xml.ts'
import { groupRules, interfaceFilter, namedFilter } from './filter-xml.ts'

// A group is a filter that permits. Each interface has one filter of its own, which takes in those of its groups and then refuses the rest;
// when a group's filter changes, libvirt applies that to the interfaces that run.

/** Where interfaces cannot be filtered (a user's daemon has none that it could) there is nothing to do. */
export async function setFilter(host: LibvirtHost, groupId: string, rules: SecurityRule[]): Promise<void> {
  if (!host.privileged) return
  await defineFilter(host, groupName(groupId), groupRules(rules))
}

/** Gone already is fine. @throws CloudError `conflict` while interfaces name it. */
export async function removeFilter(host: LibvirtHost, groupId: string): Promise<void> {
  if (!host.privileged) return
  await undefineFilter(host, groupName(groupId))
}

/** Makes the filters of a machine's interfaces. A group without a filter yet gets one that permits nothing. */
export async function ensureFilters(host: LibvirtHost, spec: MachineSpec): Promise<(string | undefined)[]> {
  const made: (string | undefined)[] = []
  for (const [index, { kind, filters }] of spec.nics.entries()) {
    if (kind === 'user' || !host.privileged) {
      made.push(undefined)
      continue
    }
    for (const groupId of filters)
      if (!(await isThere(host, groupName(groupId)))) await setFilter(host, groupId, [])
    const name = interfaceName(spec.id, index)
    await defineFilter(host, name, interfaceFilter(filters.map(groupName)))
    made.push(name)
  }
  return made
}

export async function dropFilters(host: LibvirtHost, spec: MachineSpec): Promise<void> {
  if (!host.privileged) return
  for (const [index, { kind }] of spec.nics.entries())
    if (kind !== 'user') await undefineFilter(host, interfaceName(spec.id, index))
}

const groupName = (groupId: string): string => `nc-${checkedId('securityGroups', groupId)}`
const interfaceName = (id: string, index: number): string => `nc-if-${checkedUuid(id)}-${index}`

/** The UUID follows from the name, so that defining it again replaces it. */
async function defineFilter(host: LibvirtHost, name: string, content: XmlElement[]): Promise<void> {
  const filter = namedFilter({ name, uuid: uuidOf('libvirt filter', name), content })
  await ask(host, ['nwfilter-define', { content: toXml(filter) }], { mutating: true, resource: name })
}

const undefineFilter = async (host: LibvirtHost, name: string): Promise<void> => {
  await ask(host, ['nwfilter-undefine', name], { mutating: true, resource: name }).catch(
    unless('VIR_ERR_NO_NWFILTER'),
  )
}

const isThere = (host: LibvirtHost, name: string): Promise<boolean> =>
  ask(host, ['nwfilter-dumpxml', name], { mutating: false, resource: name }).then(
    () => true,
    (error: unknown) => {
      if (error instanceof CloudError && error.vendorCode === 'VIR_ERR_NO_NWFILTER') return false
      throw error
    },
  )
