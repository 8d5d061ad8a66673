import type { Needs } from '#shared/clouds/onprem/compute/needs.ts'
import type { MovingDisk } from '#shared/clouds/onprem/hosts/copy.ts'
import { dropArrivals, handOverSnapshots, type Journey } from '#shared/clouds/onprem/hosts/snapshots.ts'
import type { Host, Site } from '#shared/clouds/onprem/hosts.ts'
import type { VmRecord, VolumeRecord } from '#shared/clouds/onprem/records.ts'
import { seedRef, volumeRef } from '#shared/clouds/onprem/volumes/refs.ts'

/** A VM on its way. */
export interface Move {
  id: string
  /** As it is at the old host. */
  body: VmRecord
  from: Host
  to: Host
  disks: MovingDisk[]
}

/** Of the snapshots that go with a VM. */
export const journeyOf = ({ id, from, to, disks }: Move): Journey => ({
  from,
  to,
  pools: new Map(disks.map(({ volume, at }) => [volume, at.pool])),
  vm: id,
})

/** The machine is at its new host: the books follow, the VM's record last, so that what was cut off is done again. @returns its record. */
export async function handOver(
  move: Move,
  { forgetMachine, forgetVolume }: Pick<Needs, 'forgetMachine' | 'forgetVolume'>,
  live: boolean,
): Promise<VmRecord> {
  const { id, body, from, to, disks } = move
  for (const { volume, was, at } of disks) {
    const record = await from.records.get('volume', volume)
    if (record) await arrive(to, volume, record, at.pool)
    await from.volumes.delete(was)
    if (record) await forgetVolume(from, volume, record)
    await from.records.remove('volume', volume)
  }
  await handOverSnapshots(journeyOf(move))
  // What it cost so far is the old host's, and what it costs from now on the new one's.
  await forgetMachine(from, id, body)
  const { moving: _, ...rest } = body
  const arrived: VmRecord = {
    ...rest,
    phase: 'ready',
    placed: true,
    powered: live ? [{ on: new Date().toISOString() }] : [],
  }
  await to.records.put('vm', id, arrived)
  await clearAway(from, id)
  return arrived
}

/** The volume's record follows it. */
async function arrive(to: Host, volume: string, record: VolumeRecord, pool: string): Promise<void> {
  await to.records.put('volume', volume, { ...record, pool, arrivedAt: new Date().toISOString() })
}

/** Clears away what is left of VMs that have arrived elsewhere, whose move was cut off at the very end. */
export async function clearMoved(site: Site): Promise<void> {
  for (const host of site.hosts)
    for (const { id, body } of await host.records.list('vm')) {
      const to = body.moving && site.byZone(body.moving.to)
      const there = await to?.records.get('vm', id)
      if (there && there.phase !== 'arriving') await clearAway(host, id)
    }
}

/** Removes from a host what a VM that is elsewhere has left there, or was to bring. Nothing there is fine. */
export async function clearAway(host: Host, id: string): Promise<void> {
  const record = await host.records.get('vm', id)
  if (record === undefined) return
  await host.machines.undefine(id)
  for (const { volume, own } of record.disks) {
    const known = await host.records.get('volume', volume)
    // It came back since, on its own or with another VM.
    if (known && known.vm !== id && !(own && known.vm === undefined)) continue
    for (const { name: pool } of await host.volumes.pools())
      for (const format of known === undefined ? (['qcow2', 'raw'] as const) : [known.format])
        await host.volumes.delete(volumeRef(volume, { pool, format }))
    await host.records.remove('volume', volume)
  }
  await dropArrivals(host, new Set(record.disks.map(({ volume }) => volume)), id)
  for (const { name } of await host.volumes.pools()) await host.volumes.delete(seedRef(id, name))
  await host.records.remove('vm', id)
}
