import type { CloudAddress, CloudRef, NetworksFacet } from '#shared/clouds/port.ts'
import type { Site } from '#shared/clouds/onprem/hosts.ts'
import { idFor } from '#shared/clouds/onprem/ids.ts'
import { refreshForwards } from '#shared/clouds/onprem/networks/enforce.ts'
import { defaultSubnetId, findSubnet } from '#shared/clouds/onprem/networks/places.ts'
import type { AddressRecord } from '#shared/clouds/onprem/records.ts'
import { notFound, refusal } from '#shared/clouds/onprem/refusals.ts'
import { CloudError } from '#shared/clouds/errors.ts'

/** Public addresses: those of the registration, each led to a VM by forwards of the host that it runs on (which must have the address). */
export const createAddresses = (site: Site): NetworksFacet['addresses'] => ({
  async *list({ region }) {
    for (const { id, body } of await site.homeOf(region).records.list('address'))
      yield toAddress(region, id, body)
  },
  async get({ region, id }) {
    const body = await site.homeOf(region).records.get('address', id)
    return body && toAddress(region, id, body)
  },
  create: (request) => keep(site, request),
  associate: (ref, vm) => associate(site, ref, vm),
  disassociate: (ref) => disassociate(site, ref),
  delete: (ref) => giveUp(site, ref),
})

/** By VM: the public address that leads to it. One read for all VMs of a location. */
export async function publicIps(site: Site, region: string): Promise<Map<string, string>> {
  const addresses = await site.homeOf(region).records.list('address')
  return new Map(addresses.flatMap(({ body: { vm, ip } }) => (vm === undefined ? [] : [[vm, ip]])))
}

async function keep(
  site: Site,
  { region, token, name, tags }: Parameters<NetworksFacet['addresses']['create']>[0],
): Promise<CloudRef> {
  const operation = 'networks.addresses.create'
  const id = idFor('addr', token)
  const { records } = site.homeOf(region)
  if ((await records.get('address', id)) !== undefined) return { region, id }
  const [first] = site.hosts
  // The registration's addresses are one stock for all its locations; so is the turn.
  await (first?.records ?? records).alone('public-addresses', async () => {
    const kept = await Array.fromAsync(site.all('address', undefined))
    if (kept.some((each) => each.id === id)) return
    const taken = new Set(kept.map(({ body }) => body.ip))
    const ip = site.settings.options.addresses.find((each) => !taken.has(each))
    if (ip === undefined)
      throw refusal(operation, `All ${taken.size} public addresses of the registration are in use.`, {
        code: 'quota_exceeded',
        kind: 'capacity',
        scope: 'account',
        remedy: 'Give up one that is not needed, or add addresses to the registration (options.addresses).',
      })
    await records.insert('address', id, { name, tags, createdAt: new Date().toISOString(), ip })
  })
  return { region, id }
}

async function associate(site: Site, ref: CloudRef, { id: vm }: CloudRef): Promise<void> {
  const operation = 'networks.addresses.associate'
  const { region } = ref
  const { records } = site.homeOf(region)
  const before = await records.get('address', ref.id)
  if (before === undefined) throw notFound(operation, 'address', ref)
  const found = await site.find('vm', vm, region)
  if (found === undefined) throw notFound(operation, 'VM', { region, id: vm })
  const subnet = await findSubnet(site, region, found.body.subnet ?? defaultSubnetId(region))
  if (subnet !== undefined && subnet.place.kind !== 'user')
    throw refusal(operation, `The VM ${vm} is on ${subnet.place.name}, to which no address can be led.`, {
      code: 'unsupported',
      remedy:
        subnet.place.kind === 'bridge'
          ? 'On a bridge the VM has an address of the network behind it.'
          : 'Use a VM on the location’s default network.',
    })

  await records.change('address', ref.id, (address) => ({ ...address, vm }))
  const others = (await records.list('address')).filter(({ id, body }) => body.vm === vm && id !== ref.id)
  for (const { id } of others) await release(site, { region, id }, vm)
  if (before.vm !== undefined && before.vm !== vm) await refresh(site, operation, region, before.vm)
  try {
    await refreshForwards(site, operation, { host: found.host, vm, body: found.body })
  } catch (error) {
    // What cannot be led is not on record as if it were; what may succeed later is taken up by a retry.
    if (error instanceof CloudError && !error.retryable) await release(site, ref, vm)
    throw error
  }
}

async function disassociate(site: Site, ref: CloudRef): Promise<void> {
  const address = await site.homeOf(ref.region).records.get('address', ref.id)
  if (address?.vm === undefined) return
  // The forwards go first: an address that is on record as free must not lead anywhere any more.
  const { vm } = address
  const found = await site.find('vm', vm, ref.region)
  const spec = await found?.host.machines.spec(vm)
  const left = (spec?.nics[0]?.forwards ?? []).filter(({ hostAddress }) => hostAddress !== address.ip)
  if (found && spec && left.length !== spec.nics[0]?.forwards.length)
    await found.host.machines.setForwards(vm, left)
  await release(site, ref, vm)
}

async function giveUp(site: Site, { region, id }: CloudRef): Promise<void> {
  const { records } = site.homeOf(region)
  const address = await records.get('address', id)
  if (address === undefined) return
  if (address.vm !== undefined && (await site.find('vm', address.vm, region)) !== undefined)
    throw refusal('networks.addresses.delete', `The address ${address.ip} leads to the VM ${address.vm}.`, {
      code: 'conflict',
      kind: 'retryable',
      remedy: 'Take it from the VM first.',
    })
  await records.remove('address', id)
}

/** Notes that an address leads to `vm` no more; to another one it may lead by now. */
async function release(site: Site, { region, id }: CloudRef, vm: string): Promise<void> {
  await site
    .homeOf(region)
    .records.change('address', id, ({ vm: of, ...free }) => (of === vm ? free : undefined))
}

async function refresh(site: Site, operation: string, region: string, vm: string): Promise<void> {
  const found = await site.find('vm', vm, region)
  if (found) await refreshForwards(site, operation, { host: found.host, vm, body: found.body })
}

const toAddress = (region: string, id: string, { name, ip, vm, tags }: AddressRecord): CloudAddress => ({
  region,
  id,
  name,
  ip,
  ...(vm === undefined ? {} : { vm }),
  tags,
})
