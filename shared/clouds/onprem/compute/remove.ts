import type { CloudRef } from '#shared/clouds/port.ts'
import type { Needs } from '#shared/clouds/onprem/compute/needs.ts'
import { clearAway } from '#shared/clouds/onprem/hosts/hand-over.ts'
import type { Found, Site } from '#shared/clouds/onprem/hosts.ts'
import type { VmRecord, VolumeRecord } from '#shared/clouds/onprem/records.ts'
import { refusal } from '#shared/clouds/onprem/refusals.ts'
import { seedRef } from '#shared/clouds/onprem/volumes/refs.ts'
import { freed } from '#shared/clouds/onprem/volumes/use.ts'
import { removeVolume } from '#shared/clouds/onprem/volumes/remove.ts'

type Own = Pick<Needs, 'networks' | 'forgetMachine' | 'forgetVolume'>

/** Deletes a VM with its own disks; volumes that were attached to it stay. The record goes last, so that what was cut off is found and ended. */
export async function removeVm(site: Site, needs: Own, { region, id }: CloudRef): Promise<void> {
  const found = await site.find('vm', id, region)
  if (found === undefined) return
  await takeBackMove(site, found)
  await takeApart(needs, found, (own, volume, record) =>
    own
      ? removeVolume(found.host, volume, record, needs.forgetVolume)
      : found.host.records.put('volume', volume, freed(record, id)),
  )
}

/** What a move that was cut off has begun elsewhere goes. @throws CloudError `conflict` if the VM has left already: what it has is over there. */
async function takeBackMove(site: Site, { id, body, host }: Found<'vm'>): Promise<void> {
  const to = body.moving && site.byZone(body.moving.to)
  if (to === undefined) return
  const here = await host.machines.status(id)
  if (here !== undefined && here.leftFor === undefined) return clearAway(to, id)
  throw refusal('compute.delete', `The VM ${id} is on its way from ${host.name} to ${to.name}.`, {
    code: 'conflict',
    remedy: `Relocate it to ${to.name} again, which finishes that, and delete it then.`,
  })
}

/** Takes back what was made for a VM that cannot be; disks that were given for it stay. */
export function giveUpVm(needs: Own, vm: Found<'vm'>): Promise<void> {
  return takeApart(needs, vm, (_, volume, record) =>
    record.written === undefined
      ? removeVolume(vm.host, volume, record, needs.forgetVolume)
      : vm.host.records.put('volume', volume, freed(record, vm.id)),
  )
}

async function takeApart(
  { networks, forgetMachine }: Own,
  { id, host }: Found<'vm'>,
  part: (own: boolean, volume: string, record: VolumeRecord) => Promise<void>,
): Promise<void> {
  const body = await host.records.change('vm', id, (vm): VmRecord => ({ ...vm, phase: 'deleting' }))
  if (body === undefined) return
  await host.machines.undefine(id)
  await networks.leave(host, id, body)
  for (const { volume, own } of body.disks) {
    const record = await host.records.get('volume', volume)
    if (record?.vm === id || (record && own && record.vm === undefined)) await part(own, volume, record)
  }
  for (const { name } of await host.volumes.pools()) await host.volumes.delete(seedRef(id, name))
  await forgetMachine(host, id, body)
  await host.records.remove('vm', id)
}
