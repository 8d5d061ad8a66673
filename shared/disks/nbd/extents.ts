import type { NbdClient } from '#shared/disks/nbd/client.ts'
import type { NbdGate } from '#shared/disks/nbd/gate.ts'
import type { Extent } from '#shared/disks/port.ts'

/** Which extents of a disk are listed. */
export type Selection =
  /** What may be something else than zero. */
  | { kind: 'data' }
  /** What a dirty bitmap of QEMU has marked. */
  | { kind: 'dirty'; bitmap: string }
  /** What one of the topmost `layers` files of a backing chain holds, be it zeros. */
  | { kind: 'layers'; layers: number }

/** The metadata context that tells it; the qemu ones are described in QEMU's docs/interop/nbd.txt. */
export const contextOf = (selection: Selection): string =>
  selection.kind === 'data'
    ? 'base:allocation'
    : selection.kind === 'dirty'
      ? `qemu:dirty-bitmap:${selection.bitmap}`
      : 'qemu:allocation-depth'

/** Asks page by page, so that memory stays flat; neighbours are joined. */
export async function* listExtents(
  client: NbdClient,
  gate: NbdGate,
  selection: Selection,
  signal?: AbortSignal,
): AsyncGenerator<Extent> {
  const { sizeBytes, contexts } = client.facts
  const context = contextOf(selection)
  // A server that cannot tell where zeros are: all of it may be data.
  if (![...contexts.values()].includes(context)) {
    if (sizeBytes > 0) yield { offset: 0, length: sizeBytes }
    return
  }
  let run: Extent | undefined
  for (let offset = 0; offset < sizeBytes;) {
    signal?.throwIfAborted()
    const asked = Math.min(pageBytes, sizeBytes - offset)
    const status = await gate({ operation: 'nbd block-status', mutating: false }, (given) =>
      client.blockStatus(offset, asked, given),
    )
    for (const { length: told, flags } of status.get(context) ?? []) {
      const extent = { offset, length: Math.min(told, sizeBytes - offset) }
      offset += extent.length
      if (extent.length === 0 || !isListed(selection, flags)) continue
      if (run && run.offset + run.length === extent.offset) {
        run.length += extent.length
        continue
      }
      if (run) yield run
      run = extent
    }
  }
  if (run) yield run
}

/** A page has at most 2^17 extents, which is what QEMU puts into one reply; so it is the reply that bounds memory. */
const pageBytes = 2 ** 30

function isListed(selection: Selection, flags: number): boolean {
  if (selection.kind === 'data') return (flags & stateZero) === 0
  if (selection.kind === 'dirty') return (flags & dirty) !== 0
  return flags >= 1 && flags <= selection.layers
}

const stateZero = 2
const dirty = 1
