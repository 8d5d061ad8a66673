import type { CloudSnapshot, CreationState, DisksFacet } from '#shared/clouds/port.ts'
import type { ForgetVolume } from '#shared/clouds/onprem/compute/needs.ts'
import { deleteSnapshot } from '#shared/clouds/onprem/disks/chain.ts'
import { openChanges } from '#shared/clouds/onprem/disks/changes.ts'
import { requireDisk, requireSnapshot } from '#shared/clouds/onprem/disks/find.ts'
import { createSnapshot, isAtWork } from '#shared/clouds/onprem/disks/snapshot.ts'
import { createDisk, sealDisk } from '#shared/clouds/onprem/disks/written.ts'
import type { Found, Site } from '#shared/clouds/onprem/hosts.ts'
import { refusal } from '#shared/clouds/onprem/refusals.ts'
import { snapshotRef, volumeRef } from '#shared/clouds/onprem/volumes/refs.ts'
import type { DiskSink } from '#shared/disks/port.ts'
import { removeVolume } from '#shared/clouds/onprem/volumes/remove.ts'

/** The disk plane: snapshots are files that hold what changed since the one before, disks are volumes that are written from outside. */
export function createDisks(site: Site, forget: ForgetVolume): DisksFacet {
  const writers = openWriters()
  return {
    createSnapshot: (request) => createSnapshot(site, request),
    async snapshotState({ region, id }) {
      const found = await site.find('snapshot', id, region)
      return found && !found.body.deleted ? stateOf(found) : undefined
    },
    async getSnapshot({ region, id }) {
      const found = await site.find('snapshot', id, region)
      return found && !found.body.deleted ? toSnapshot(found) : undefined
    },
    async *listSnapshots({ region }) {
      for await (const found of site.all('snapshot', region)) if (!found.body.deleted) yield toSnapshot(found)
    },
    deleteSnapshot: (ref) => deleteSnapshot(site, ref),
    async openSnapshot(ref) {
      const { id, body, host } = await requireSnapshot(site, 'disks.openSnapshot', ref)
      return host.volumes.openSource(snapshotRef(id, body))
    },
    openChanges: (base, ref) => openChanges(site, base, ref),
    createDisk: (request) => createDisk(site, request),
    async openDiskForWrite(ref) {
      const { id, body, host } = await requireDisk(site, 'disks.openDiskForWrite', ref)
      await writers.close(id)
      return writers.keep(id, await host.volumes.openSink(volumeRef(id, body)))
    },
    async sealDisk(ref, manifest) {
      await sealDisk(site, ref, manifest)
      await writers.close(ref.id)
    },
    async openDisk(ref) {
      const { id, body, host } = await requireDisk(site, 'disks.openDisk', ref)
      return host.volumes.openSource(volumeRef(id, body))
    },
    async deleteDisk({ region, id }) {
      const found = await site.find('volume', id, region)
      if (found === undefined) return
      const holder = found.body.vm === undefined ? undefined : await site.find('vm', found.body.vm, region)
      if (holder)
        throw refusal('disks.deleteDisk', `The disk ${id} is one of the VM ${holder.id}.`, {
          code: 'conflict',
          kind: 'retryable',
          remedy: 'Delete the VM.',
        })
      await writers.close(id)
      await removeVolume(found.host, id, found.body, forget)
    },
  }
}

/**
 * Disks that this process has open for writing. An open one is locked, so sealing and deleting close it, and so does opening it once more.
 * Those of a process that died are closed with it.
 */
function openWriters() {
  const open = new Map<string, Set<DiskSink>>()
  return {
    keep(id: string, sink: DiskSink): DiskSink {
      const sinks = open.get(id) ?? new Set()
      open.set(id, sinks.add(sink))
      return sink
    },
    async close(id: string): Promise<void> {
      const sinks = [...(open.get(id) ?? [])]
      open.delete(id)
      await Promise.all(sinks.map((sink) => sink.close()))
    },
  }
}

/** What is pending without anybody at work was cut off; the same intent takes it up again. */
async function stateOf({ id, body, host }: Found<'snapshot'>): Promise<CreationState> {
  if (body.state !== 'pending' || (await isAtWork(host, id))) return body.state
  // It may have ended between the two looks.
  const now = (await host.records.get('snapshot', id))?.state ?? 'failed'
  return now === 'pending' ? 'failed' : now
}

async function toSnapshot(found: Found<'snapshot'>): Promise<CloudSnapshot> {
  const { id, body, host } = found
  return {
    region: host.region,
    id,
    name: body.name,
    state: await stateOf(found),
    sizeBytes: body.sizeBytes,
    disk: body.volume,
    encrypted: body.keyName !== undefined,
    tags: { ...body.tags },
    createdAt: new Date(body.createdAt),
  }
}
