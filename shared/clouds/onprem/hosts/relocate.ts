import type { CloudRef, HostsFacet, Relocation } from '#shared/clouds/port.ts'
import { requireReady } from '#shared/clouds/onprem/compute/find.ts'
import { wrongState } from '#shared/clouds/onprem/compute/power.ts'
import type { Needs } from '#shared/clouds/onprem/compute/needs.ts'
import { clearAway, handOver, journeyOf, type Move } from '#shared/clouds/onprem/hosts/hand-over.ts'
import { copyMachine, prepareSeed, targetDisks } from '#shared/clouds/onprem/hosts/copy.ts'
import { bringSnapshots, bytesOfSnapshots } from '#shared/clouds/onprem/hosts/snapshots.ts'
import type { Found, Host, Site } from '#shared/clouds/onprem/hosts.ts'
import { claimHost } from '#shared/clouds/onprem/placement/claim.ts'
import type { VmRecord } from '#shared/clouds/onprem/records.ts'
import { refusal } from '#shared/clouds/onprem/refusals.ts'

/**
 * Moves a VM to another host. The record at the old host says where it goes (`moving`), the one at the new host that it is to come (`arriving`);
 * the VM is at the old one until its machine is gone there. So whoever finds it half moved knows what to do. Its snapshots are copied before it
 * goes, and are the new host's once it is there.
 */
export async function relocateVm(
  site: Site,
  needs: Pick<Needs, 'networks' | 'forgetMachine' | 'forgetVolume'>,
  ref: CloudRef,
  { zone, maxDowntimeMs = 1000, onProgress }: NonNullable<Parameters<HostsFacet['relocate']>[1]> = {},
): Promise<Relocation> {
  const vm = await requireReady(site, 'hosts.relocate', ref)
  const begun = await endOther(site, vm, zone)
  if (begun === undefined && zone === vm.host.name) {
    for (const other of site.inRegion(ref.region)) if (other !== vm.host) await clearAway(other, vm.id)
    return { zone, live: (await vm.host.machines.status(vm.id))?.state === 'running' }
  }
  const to = begun ?? (await begin(site, needs, vm, zone))
  const plan = await needs.networks.plan({ region: ref.region, ...joined(vm.body) })
  const { nic } = await needs.networks.join(to, vm.id, plan)
  const move: Move = { id: vm.id, body: vm.body, from: vm.host, to, disks: await targetDisks(vm, to) }
  // While it is still where it was: what goes wrong with them leaves it there, with all of them.
  if ((await vm.host.machines.status(vm.id)) !== undefined) await bringSnapshots(journeyOf(move))
  const outcome = await carryOver(move, nic, { maxDowntimeMs, ...(onProgress ? { onProgress } : {}) })
  const record = await handOver(move, needs, outcome.live)
  await needs.networks.apply(to, vm.id, record)
  // It had left already when it was to be elsewhere.
  if (zone !== undefined && zone !== to.name)
    return relocateVm(site, needs, ref, { zone, maxDowntimeMs, ...(onProgress ? { onProgress } : {}) })
  return outcome
}

/** What leads to a network: undefined parts are left out. */
const joined = ({ subnet, securityGroups }: VmRecord) => ({
  securityGroups,
  ...(subnet === undefined ? {} : { subnet }),
})

/**
 * A move that was begun before, as far as it is the one wished for: its destination. Another one is taken back, unless the machine has left
 * already; then it is that one that is finished.
 */
async function endOther(
  site: Site,
  { id, body, host }: Found<'vm'>,
  zone: string | undefined,
): Promise<Host | undefined> {
  const to = body.moving === undefined ? undefined : site.byZone(body.moving.to)
  if (to === undefined) return undefined
  const here = await host.machines.status(id)
  const hasLeft = here === undefined || here.leftFor !== undefined
  if (hasLeft || zone === undefined || zone === to.name) return to
  await clearAway(to, id)
  // It stands still if whoever moved it died in the moment of the switch.
  if (here.state === 'paused') await host.machines.start(id)
  await host.records.change('vm', id, staying)
  return undefined
}

/** The record of a VM that goes nowhere. */
function staying(record: VmRecord): VmRecord {
  const { moving: _, ...rest } = record
  return rest
}

/** Finds a host with room, keeps the room, and notes where the VM goes. */
async function begin(
  site: Site,
  { networks }: Pick<Needs, 'networks'>,
  { id, body, host }: Found<'vm'>,
  zone: string | undefined,
): Promise<Host> {
  if ((await host.machines.status(id))?.state === 'saved')
    throw wrongState('hosts.relocate', id, 'is suspended', 'Resume it first, or stop it after that.')
  const { kind, bridge } = await networks.plan({ region: host.region, ...joined(body) })
  const demand = {
    id,
    vcpus: body.vcpus,
    memoryMib: body.memoryMib,
    storageBytes: await allocated(host, id, body),
    architecture: body.architecture,
    firmware: body.firmware,
    network: { kind, ...(bridge === undefined ? {} : { bridge }) },
    dedicated: body.tenancy === 'dedicated',
    except: host.name,
    ...(zone === undefined ? {} : { zone }),
  }
  const { placed: _, ...arriving } = body
  const to = await claimHost(site, host.region, demand, { ...arriving, phase: 'arriving' })
  const marked = await host.records.change('vm', id, (record) =>
    record.vcpus === body.vcpus && record.memoryMib === body.memoryMib
      ? { ...record, moving: { to: to.name } }
      : record,
  )
  if (marked?.moving) return to
  await to.records.remove('vm', id)
  throw refusal('hosts.relocate', `The VM ${id} got another size just now.`, {
    code: 'conflict',
    kind: 'retryable',
    remedy: 'It is tried again.',
  })
}

async function allocated(host: Host, vm: string, { disks }: VmRecord): Promise<number> {
  const sizes = await Promise.all(
    disks.map(async ({ volume }) => {
      const record = await host.records.get('volume', volume)
      if (record === undefined) return 0
      const { pool, format } = record
      return (await host.volumes.get({ pool, name: `${volume}.${format}`, format }))?.allocatedBytes ?? 0
    }),
  )
  const pools = new Map(disks.map(({ volume }) => [volume, '']))
  return sizes.reduce((total, size) => total + size, await bytesOfSnapshots({ from: host, vm, pools }))
}

/** Afterwards the machine is at its new host, and not at the old one. */
async function carryOver(
  move: Move,
  nic: Parameters<typeof copyMachine>[1],
  options: { maxDowntimeMs: number; onProgress?: (done: number, total: number) => void },
): Promise<Relocation> {
  const { id, from, to, disks } = move
  const zone = to.name
  const state = (await from.machines.status(id))?.state
  if (state === undefined) return { zone, live: (await to.machines.status(id))?.state === 'running' }
  await prepareSeed(move)
  if (state !== 'running' && state !== 'paused') {
    await copyMachine(move, nic, options.onProgress)
    return { zone, live: false }
  }
  const volumes = disks.map((disk) => disk.at)
  const { downtimeMs } = await from.machines.migrateLive(id, to.hypervisor, { volumes, ...options })
  return { zone, live: true, downtimeMs }
}
