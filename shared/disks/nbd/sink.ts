import { DiskError } from '#shared/disks/errors.ts'
import { groupCommit } from '#shared/disks/group-commit.ts'
import { sha256 as sha256Of } from '#shared/disks/hash.ts'
import { connectNbd, type NbdClient, type NbdConnect } from '#shared/disks/nbd/client.ts'
import { refused } from '#shared/disks/nbd/errors.ts'
import { listExtents } from '#shared/disks/nbd/extents.ts'
import { openGate, type NbdGate } from '#shared/disks/nbd/gate.ts'
import { checkBounds, preferredChunkBytes } from '#shared/disks/nbd/source.ts'
import type { DiskSink } from '#shared/disks/port.ts'
import { isZero } from '#shared/disks/zeros.ts'

export interface NbdSinkOptions extends Omit<NbdConnect, 'contexts'> {
  gate?: NbdGate
  /** Vouch that all that was not written by this very transfer reads as zero. Otherwise the export is asked whether all of it does. */
  zeroed?: boolean
  /** Called once by `close`, after the connection is closed. */
  release?: () => Promise<void>
}

/**
 * Opens an export for writing. `write` resolves when a flush that began after it has ended: then the bytes, and the image's own tables, survive
 * a killed server. Writes that are under way at the same time share a flush.
 * @throws DiskError (see `connectNbd`); `unsupported` for an export that is read-only or cannot flush. `write`: `integrity` for bytes that do not
 * have the digest they came with; `connection_lost` (retryable) when the server is gone: open another sink and go on.
 */
export async function openNbdSink({
  gate = openGate,
  zeroed,
  release = async () => undefined,
  ...connect
}: NbdSinkOptions): Promise<DiskSink> {
  const client = await gate({ operation: 'nbd connect', mutating: false }, async (signal) => {
    const opened = await connectNbd({ ...connect, contexts: ['base:allocation'], signal })
    const { readOnly, canFlush } = opened.facts
    if (!readOnly && canFlush) return opened
    await opened.close()
    throw refused('this address', readOnly ? 'to be written' : 'to make writes durable', 'unsupported')
  })
  const { sizeBytes, minBlockBytes } = client.facts
  const flush = groupCommit<void>(() =>
    gate({ operation: 'nbd flush', mutating: true }, (signal) => client.flush(signal)),
  )
  const isZeroed =
    zeroed ??
    (await isAllZero(client, gate).catch(async (error: unknown) => {
      await client.close()
      throw error
    }))
  let closing: Promise<void> | undefined

  return {
    sizeBytes,
    granularityBytes: minBlockBytes,
    preferredChunkBytes,
    zeroed: isZeroed,
    async write({ offset, data, sha256 }, signal) {
      checkBounds(sizeBytes, offset, data.length)
      await gate({ operation: 'nbd write', mutating: true, payload: data }, async (given) => {
        if (!(await sha256Of(data)).equals(sha256)) throw altered(offset)
        signal?.throwIfAborted()
        await writeAll(client, offset, data, signal ? AbortSignal.any([given, signal]) : given)
      })
      await flush()
    },
    flush,
    close: () => (closing ??= client.close().then(release)),
  }
}

async function writeAll(client: NbdClient, offset: number, data: Buffer, signal: AbortSignal): Promise<void> {
  const { maxBlockBytes, canWriteZeroes } = client.facts
  if (canWriteZeroes && isZero(data)) return client.writeZeroes(offset, data.length, { signal })
  for (let at = 0; at < data.length; at += maxBlockBytes)
    await client.write(offset + at, data.subarray(at, at + maxBlockBytes), { signal })
}

async function isAllZero(client: NbdClient, gate: NbdGate): Promise<boolean> {
  for await (const _ of listExtents(client, gate, { kind: 'data' })) return false
  return true
}

const altered = (offset: number): DiskError =>
  new DiskError(`the chunk at byte ${offset} no longer has the digest that was taken at its source`, {
    code: 'integrity',
    kind: 'retryable',
    details: { offset },
  })
