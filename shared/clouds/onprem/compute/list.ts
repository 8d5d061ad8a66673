import type { CloudRef, CloudVm } from '#shared/clouds/port.ts'
import { stateOn, toVm } from '#shared/clouds/onprem/compute/describe.ts'
import type { MachineNetworks } from '#shared/clouds/onprem/compute/needs.ts'
import type { Found, Host, Site } from '#shared/clouds/onprem/hosts.ts'

type Addresses = Pick<MachineNetworks, 'publicAddresses'>

export async function getVm(
  site: Site,
  networks: Addresses,
  { region, id }: CloudRef,
): Promise<CloudVm | undefined> {
  const found = await site.find('vm', id, region)
  return found && describeVm(found, networks)
}

export async function describeVm(vm: Found<'vm'>, networks: Addresses): Promise<CloudVm> {
  const { id, body, host } = vm
  const [state, addresses, volumes] = await Promise.all([
    stateOn(host, id),
    networks.publicAddresses(host.region),
    Promise.all(
      body.disks.map(async ({ volume }) => [volume, await host.records.get('volume', volume)] as const),
    ),
  ])
  return toVm(vm, {
    state,
    volumes: new Map(volumes.flatMap(([volume, record]) => (record ? [[volume, record]] : []))),
    publicIp: addresses.get(id),
  })
}

/** Three calls a host, however many VMs it has; the next host is asked while the VMs of one are taken. */
export async function* listVms(
  site: Site,
  networks: Addresses,
  region: string | undefined,
): AsyncGenerator<CloudVm> {
  const hosts = region === undefined ? site.hosts : site.inRegion(region)
  let next: Promise<CloudVm[]> | undefined
  for (const [index, host] of hosts.entries()) {
    const vms = await (next ?? vmsOf(host, networks))
    const following = hosts[index + 1]
    next = following && vmsOf(following, networks)
    next?.catch(() => undefined)
    yield* vms
  }
}

async function vmsOf(host: Host, networks: Addresses): Promise<CloudVm[]> {
  const [vms, machines, volumes, addresses] = await Promise.all([
    host.records.list('vm'),
    host.machines.list(),
    host.records.list('volume'),
    networks.publicAddresses(host.region),
  ])
  const states = new Map(machines.map(({ id, state }) => [id, state]))
  const byId = new Map(volumes.map(({ id, body }) => [id, body]))
  const here = vms.filter(({ body }) => body.phase !== 'arriving')
  return here.map((vm) =>
    toVm({ ...vm, host }, { state: states.get(vm.id), volumes: byId, publicIp: addresses.get(vm.id) }),
  )
}
