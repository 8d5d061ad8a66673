import type { CloudRef, SecurityRule } from '#shared/clouds/port.ts'
import type { Forward } from '#shared/clouds/onprem/host.ts'
import type { Found, Host, Site } from '#shared/clouds/onprem/hosts.ts'
import { forwardsFor } from '#shared/clouds/onprem/networks/forwards.ts'
import { defaultSubnetId, findSubnet, type Place } from '#shared/clouds/onprem/networks/places.ts'
import type { VmRecord } from '#shared/clouds/onprem/records.ts'
import { refusal } from '#shared/clouds/onprem/refusals.ts'

/** A change of one group's rules, with the VMs that are in it. */
interface Change {
  ref: CloudRef
  rules: readonly SecurityRule[]
  bound: readonly Found<'vm'>[]
}

/** VMs in a security group, on whichever host of the location. */
export async function boundVms(site: Site, { region, id }: CloudRef): Promise<Found<'vm'>[]> {
  const found: Found<'vm'>[] = []
  for await (const vm of site.all('vm', region))
    if (vm.body.phase !== 'arriving' && vm.body.securityGroups.includes(id)) found.push(vm)
  return found
}

/** @throws CloudError, before anything is changed, for rules that the networks of the VMs in the group cannot enforce. */
export async function assertEnforceable(site: Site, operation: string, change: Change): Promise<void> {
  for (const vm of change.bound) {
    const { kind } = await placeOf(site, change.ref.region, vm.body)
    if (kind !== 'user') continue
    assertEgressOpen(operation, change.rules)
    await plannedForwards(site, operation, change.ref.region, { vm: vm.id, body: vm.body, changed: change })
  }
}

/** Carries a group's rules to the hosts of its VMs. Safe to repeat. */
export async function enforce(site: Site, operation: string, { ref, rules, bound }: Change): Promise<void> {
  const filtering = new Set<Host>()
  for (const vm of bound) {
    const { kind } = await placeOf(site, ref.region, vm.body)
    if (kind === 'user') await refreshForwards(site, operation, { host: vm.host, vm: vm.id, body: vm.body })
    else filtering.add(vm.host)
  }
  for (const host of filtering) await host.networks.setFilter(ref.id, [...rules])
}

/** Makes a VM's forwards what its addresses and groups ask for now. Nothing for a VM that is not on a user-mode network, or not yet defined. */
export async function refreshForwards(
  site: Site,
  operation: string,
  { host, vm, body }: { host: Host; vm: string; body: VmRecord },
): Promise<void> {
  if ((await placeOf(site, host.region, body)).kind !== 'user') return
  const wanted = await plannedForwards(site, operation, host.region, { vm, body })
  const spec = await host.machines.spec(vm)
  if (spec === undefined || same(spec.nics[0]?.forwards ?? [], wanted)) return
  await host.machines.setForwards(vm, wanted)
}

/** The forwards of a VM by the records: its addresses, and the rules of its groups. */
export async function plannedForwards(
  site: Site,
  operation: string,
  region: string,
  { vm, body, changed }: { vm: string; body: Pick<VmRecord, 'securityGroups'>; changed?: Change },
): Promise<Forward[]> {
  const { records } = site.homeOf(region)
  const addresses = (await records.list('address')).filter((each) => each.body.vm === vm)
  if (addresses.length === 0) return []
  const rules: SecurityRule[] = []
  for (const id of body.securityGroups) {
    const own = id === changed?.ref.id ? changed.rules : (await records.get('security_group', id))?.rules
    rules.push(...(own ?? []))
  }
  return addresses.flatMap(({ body: { ip } }) => forwardsFor(operation, ip, rules))
}

/** @throws CloudError `unsupported` for rules that keep a VM on a user-mode network from calling out: its router lets everything out. */
export function assertEgressOpen(operation: string, rules: readonly SecurityRule[]): void {
  const egress = rules.filter(({ direction }) => direction === 'egress')
  const isOpen = egress.some(({ protocol, cidrs }) => protocol === 'any' && cidrs.includes('0.0.0.0/0'))
  if (egress.length === 0 || isOpen) return
  throw refusal(
    operation,
    'Rules for egress cannot be enforced for a VM on a user-mode network, whose router lets everything out.',
    {
      code: 'unsupported',
      remedy: 'Leave rules for egress out, or use a subnet of a NAT network or bridge.',
    },
  )
}

/** The network of a VM; the default one for a VM of a subnet that is gone. */
async function placeOf(site: Site, region: string, { subnet }: VmRecord): Promise<Pick<Place, 'kind'>> {
  const found = await findSubnet(site, region, subnet ?? defaultSubnetId(region))
  return found?.place ?? { kind: 'user' }
}

const same = (one: readonly Forward[], other: readonly Forward[]): boolean => {
  const texts = (forwards: readonly Forward[]) =>
    forwards
      .map(({ protocol, hostAddress, hostPort, guestPort }) =>
        [protocol, hostAddress, hostPort, guestPort].join(' '),
      )
      .toSorted()
      .join()
  return texts(one) === texts(other)
}
