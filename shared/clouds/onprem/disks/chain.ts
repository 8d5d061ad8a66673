import { forgetSnapshot } from '#shared/clouds/onprem/billing/usage.ts'
import type { Host, Site } from '#shared/clouds/onprem/hosts.ts'
import type { CloudRef } from '#shared/clouds/port.ts'
import type { SnapshotRecord } from '#shared/clouds/onprem/records.ts'
import { snapshotRef, volumeRef } from '#shared/clouds/onprem/volumes/refs.ts'

/** Deletes a snapshot. Its file stays for as long as others build on it, and is deleted with the last of them. */
export async function deleteSnapshot(site: Site, { region, id }: CloudRef): Promise<void> {
  const found = await site.find('snapshot', id, region)
  if (found === undefined) return
  const { body, host } = found
  if (!body.deleted) await host.records.put('snapshot', id, { ...body, deleted: true })
  await forgetItsMark(host, id, body)
  await cleanChain(host, id)
}

/** Removes a deleted snapshot that nothing builds on, and then what it was built on if that is so too. */
export async function cleanChain(host: Host, id: string): Promise<void> {
  for (let at: string | undefined = id; at !== undefined;) {
    const record: SnapshotRecord | undefined = await host.records.get('snapshot', at)
    if (!record?.deleted || (await hasChildren(host, at))) return
    await host.volumes.delete(snapshotRef(at, record))
    await forgetSnapshot(host, at, record)
    await host.records.remove('snapshot', at)
    at = record.parent
  }
}

const hasChildren = async (host: Host, id: string): Promise<boolean> =>
  (await host.records.list('snapshot')).some(({ body }) => body.parent === id)

async function forgetItsMark(host: Host, id: string, body: SnapshotRecord): Promise<void> {
  const volume = await host.records.get('volume', body.volume)
  if (volume === undefined || volume.state !== 'available') return
  const state = volume.vm === undefined ? undefined : (await host.machines.status(volume.vm))?.state
  const machine = state === 'running' || state === 'paused' ? volume.vm : undefined
  await host.volumes.forgetMark(volumeRef(body.volume, volume), snapshotRef(id, body).name, machine)
}
