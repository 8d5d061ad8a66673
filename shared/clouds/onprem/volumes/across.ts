import type { VolumeRef } from '#shared/clouds/onprem/host.ts'
import type { Host } from '#shared/clouds/onprem/hosts.ts'
import { callSignal } from '#shared/clouds/scope.ts'
import { copyDisk } from '#shared/disks/copy.ts'
import { DiskError } from '#shared/disks/errors.ts'
import { memoryJournal } from '#shared/disks/journal-memory.ts'
import type { CopyManifest } from '#shared/disks/port.ts'
import { verifyDisk } from '#shared/disks/verify.ts'

/** A file on a host. */
export interface Place {
  host: Host
  ref: VolumeRef
}

/** What a file builds on, at either end. Both have the same content. */
export interface Base {
  from: VolumeRef
  to: VolumeRef
}

/**
 * Gives a host a volume with the content of one on another host, at least `sizeBytes` large; with a base only what the file holds itself goes
 * over, and the new one builds on the base there. Every byte is hashed at its source, made durable, read back and compared. Nobody may
 * write to the source meanwhile. What an earlier try left is made anew.
 * @throws DiskError `integrity` (retryable) if the new one reads otherwise.
 */
export async function copyAcross(from: Place, to: Place, sizeBytes: number, base?: Base): Promise<void> {
  await to.host.volumes.delete(to.ref)
  await to.host.volumes.create(to.ref, { sizeBytes, ...(base && { backing: base.to }) })
  const signal = callSignal() ?? new AbortController().signal
  const manifest = await copy(from, to, base, signal)
  await prove(to, manifest, base, signal)
}

async function copy(
  from: Place,
  to: Place,
  base: Base | undefined,
  signal: AbortSignal,
): Promise<CopyManifest> {
  await using ends = new AsyncDisposableStack()
  const source = await from.host.volumes.openSource(from.ref, base && { since: base.from })
  ends.defer(() => source.close())
  const sink = await to.host.volumes.openSink(to.ref)
  ends.defer(() => sink.close())
  const { manifest } = await copyDisk({
    source,
    sink,
    journal: memoryJournal(),
    slots,
    chunkBytes,
    signal,
    changesOnly: base !== undefined,
  })
  return manifest
}

async function prove(
  { host, ref }: Place,
  manifest: CopyManifest,
  base: Base | undefined,
  signal: AbortSignal,
): Promise<void> {
  const source = await host.volumes.openSource(ref, base && { since: base.to })
  try {
    const { mismatchedBytes } = await verifyDisk({ source, manifest, slots, signal })
    if (mismatchedBytes === 0) return
    throw new DiskError(`${ref.name} on host ${host.name} differs in ${mismatchedBytes} bytes`, {
      code: 'integrity',
      kind: 'retryable',
    })
  } finally {
    await source.close()
  }
}

/** The clusters of our files: what a file has no bytes for takes up none in its copy either. */
const chunkBytes = 65_536

/** Chunks in flight: enough to keep a local network busy and to share a flush, few enough for a worker's memory. */
const slots = 64
