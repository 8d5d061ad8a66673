import type { VolumeRef } from '#shared/clouds/onprem/host.ts'
import type { Host } from '#shared/clouds/onprem/hosts.ts'
import { callSignal } from '#shared/clouds/scope.ts'
import { copyDisk } from '#shared/disks/copy.ts'
import { memoryJournal } from '#shared/disks/journal-memory.ts'

/** A file on a host. */
export interface Place {
  host: Host
  ref: VolumeRef
}

/**
 * Gives a host a volume with the content of one on another host, at least `sizeBytes` large; every byte is checked on its way. Nobody may write
 * to the source meanwhile. What an earlier try left is made anew.
 */
export async function copyAcross(from: Place, to: Place, sizeBytes: number): Promise<void> {
  await to.host.volumes.delete(to.ref)
  await to.host.volumes.create(to.ref, { sizeBytes })
  const signal = callSignal() ?? new AbortController().signal
  await using ends = new AsyncDisposableStack()
  const source = await from.host.volumes.openSource(from.ref)
  ends.defer(() => source.close())
  const sink = await to.host.volumes.openSink(to.ref)
  ends.defer(() => sink.close())
  await copyDisk({ source, sink, journal: memoryJournal(), slots, signal })
}

/** Chunks in flight: enough to keep a local network busy, few enough for a worker's memory. */
const slots = 8
