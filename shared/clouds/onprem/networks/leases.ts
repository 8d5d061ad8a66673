import { createHash } from 'node:crypto'
import { addressAt, sizeOf } from '#shared/cidr.ts'
import type { Site } from '#shared/clouds/onprem/hosts.ts'
import type { RecordStore } from '#shared/clouds/onprem/record-store.ts'
import { rangeFor } from '#shared/clouds/onprem/networks/ranges.ts'
import { refusal } from '#shared/clouds/onprem/refusals.ts'

/**
 * The private address of a VM in a subnet, kept for it by a record that only one VM can have. It begins to look where the VM's id points, so
 * that the same VM finds the same address again, and free ones are found at once.
 * @throws CloudError `capacity` if the subnet is full.
 */
export async function leaseAddress(
  site: Site,
  region: string,
  { vm, subnet, cidr }: { vm: string; subnet: string; cidr: string },
): Promise<string> {
  const range = rangeFor('compute.create', cidr)
  const { records } = site.homeOf(region)
  // The first four are the network's own, its router's, and its name server's; the last is for everybody.
  const count = Number(sizeOf(range)) - firstFree - 1
  const start = numberOf(vm, count)
  for (let tried = 0; tried < Math.min(count, mostTried); tried += 1) {
    const address = addressAt(range, BigInt(firstFree + ((start + tried) % count)))
    if (await takes(records, site, region, { id: leaseId(subnet, address), vm })) return address
  }
  throw refusal('compute.create', `The subnet ${cidr} of ${region} has no free address.`, {
    code: 'capacity',
    kind: 'capacity',
    scope: 'region',
    remedy: 'Use a larger subnet, or delete VMs in this one.',
  })
}

/**
 * A hardware address of the range that QEMU uses for its guests (52:54:00). On a bridge, where others could have the same one, it is kept for the VM.
 */
export async function leaseMac(
  site: Site,
  region: string,
  { vm, shared }: { vm: string; shared: boolean },
): Promise<string> {
  const { records } = site.homeOf(region)
  for (let tried = 0; tried < mostTried; tried += 1) {
    const tail = ((numberOf(vm, 2 ** 24) + tried) % 2 ** 24).toString(16).padStart(6, '0')
    const mac = `52:54:00:${tail.slice(0, 2)}:${tail.slice(2, 4)}:${tail.slice(4)}`
    if (!shared || (await takes(records, site, region, { id: `mac-${tail}`, vm }))) return mac
  }
  throw refusal('compute.create', `${region} has no free hardware address.`, {
    code: 'capacity',
    kind: 'capacity',
    scope: 'region',
  })
}

/** Gives back what a VM had. `known`: its subnet and address, where they are on record; what is not is looked for. */
export async function releaseLeases(
  site: Site,
  region: string,
  vm: string,
  known?: { subnet: string; address: string },
): Promise<void> {
  const { records } = site.homeOf(region)
  if (known) return records.remove('lease', leaseId(known.subnet, known.address))
  for (const { id, body } of await records.list('lease'))
    if (body.vm === vm) await records.remove('lease', id)
}

async function takes(
  records: RecordStore,
  site: Site,
  region: string,
  { id, vm }: { id: string; vm: string },
): Promise<boolean> {
  if (await records.insert('lease', id, { vm })) return true
  const holder = await records.get('lease', id)
  if (holder === undefined) return records.insert('lease', id, { vm })
  if (holder.vm === vm) return true
  // Whoever takes one has its VM on record before; so one of an unknown VM was left behind by a crash.
  if ((await site.find('vm', holder.vm, region)) !== undefined) return false
  await records.remove('lease', id)
  return records.insert('lease', id, { vm })
}

const leaseId = (subnet: string, address: string): string => `${subnet}-${address.replaceAll('.', '-')}`

const numberOf = (vm: string, below: number): number =>
  createHash('sha256').update(vm).digest().readUIntBE(0, 6) % below

const firstFree = 4
/** More than any location has VMs; a full subnet is told in bounded time. */
const mostTried = 65_536
