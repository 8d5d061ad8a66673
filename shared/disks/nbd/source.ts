import { DiskError } from '#shared/disks/errors.ts'
import { ownBuffer, sha256 } from '#shared/disks/hash.ts'
import { connectNbd, type NbdClient, type NbdConnect } from '#shared/disks/nbd/client.ts'
import { refused } from '#shared/disks/nbd/errors.ts'
import { contextOf, listExtents, type Selection } from '#shared/disks/nbd/extents.ts'
import { openGate, type NbdGate } from '#shared/disks/nbd/gate.ts'
import type { HashingSource } from '#shared/disks/read.ts'
import { isZero } from '#shared/disks/zeros.ts'

export interface NbdSourceOptions extends Omit<NbdConnect, 'contexts'> {
  gate?: NbdGate
  /** Default: data. A source that lists only changes is a superset of them, in pieces of the image's clusters. */
  selection?: Selection
  /** Called once by `close`, after the connection is closed. */
  release?: () => Promise<void>
}

/** Half a MiB is near the best for a local server (`npm run bench -- nbd`). */
export const preferredChunkBytes = 512 << 10

/** A copy of changes moves whole chunks, so they are QEMU's clusters: nothing is copied that did not change. */
export const preferredDeltaChunkBytes = 64 << 10

/**
 * Opens an export for reading. Bytes are hashed when they come off the socket, so that a change after that is seen: NBD itself has no checksums.
 * @throws DiskError (see `connectNbd`); `unsupported` if the server cannot tell the changes that `selection` asks for.
 */
export async function openNbdSource({
  gate = openGate,
  selection = { kind: 'data' },
  release = async () => undefined,
  ...connect
}: NbdSourceOptions): Promise<HashingSource> {
  const context = contextOf(selection)
  const client = await gate({ operation: 'nbd connect', mutating: false }, async (signal) => {
    const opened = await connectNbd({ ...connect, contexts: [context], signal })
    if (selection.kind === 'data' || [...opened.facts.contexts.values()].includes(context)) return opened
    await opened.close()
    throw refused(nameOf(connect), `the context ${context}`, 'unsupported')
  })
  const { sizeBytes } = client.facts
  let closing: Promise<void> | undefined

  const readHashed: HashingSource['readHashed'] = async (target, offset, signal) => {
    checkBounds(sizeBytes, offset, target.length)
    signal?.throwIfAborted()
    let digest: Buffer | undefined
    const data = await gate({ operation: 'nbd read', mutating: false }, async (given) => {
      await readInto(client, offset, target, signal ? AbortSignal.any([given, signal]) : given)
      if (!isZero(target)) digest = await sha256(target)
      return target
    })
    return { data, ...(digest && { digest }) }
  }

  return {
    sizeBytes,
    granularityBytes: 1,
    preferredChunkBytes: selection.kind === 'data' ? preferredChunkBytes : preferredDeltaChunkBytes,
    extents: (signal) => listExtents(client, gate, selection, signal),
    readHashed,
    prepare: () => undefined,
    async read({ offset, length }, signal) {
      const { data, digest } = await readHashed(ownBuffer(length), offset, signal)
      const same = digest ? digest.equals(await sha256(data)) : isZero(data)
      if (same) return data
      throw new DiskError(`the ${length} bytes at ${offset} changed after they were read`, {
        code: 'integrity',
        kind: 'retryable',
        details: { offset, length },
      })
    },
    close: () => (closing ??= client.close().then(release)),
  }
}

/** Any range: the server is asked for whole blocks, and for no more at once than it gives. */
async function readInto(
  client: NbdClient,
  offset: number,
  target: Buffer,
  signal: AbortSignal,
): Promise<void> {
  const { minBlockBytes, maxBlockBytes, sizeBytes } = client.facts
  const end = offset + target.length
  const alignedStart = Math.floor(offset / minBlockBytes) * minBlockBytes
  const alignedEnd = Math.min(Math.ceil(end / minBlockBytes) * minBlockBytes, sizeBytes)
  const whole = alignedStart === offset && alignedEnd === end
  const memory = whole ? target : ownBuffer(alignedEnd - alignedStart)
  for (let at = 0; at < memory.length; at += maxBlockBytes)
    await client.read(alignedStart + at, memory.subarray(at, at + maxBlockBytes), signal)
  if (!whole) memory.copy(target, 0, offset - alignedStart)
}

export function checkBounds(sizeBytes: number, offset: number, length: number): void {
  if (offset >= 0 && length >= 0 && offset + length <= sizeBytes) return
  throw new DiskError(`${offset}+${length} is outside of the disk of ${sizeBytes} bytes`, {
    code: 'out_of_bounds',
  })
}

const nameOf = ({ address }: Pick<NbdConnect, 'address'>): string =>
  'path' in address ? address.path : `${address.host}:${address.port}`
