import { randomUUID } from 'node:crypto'
import type { PlainReply } from '#test/clouds/core/server.ts'
import { badHeader, thingAt } from '#test/clouds/azure/blob-bytes.ts'
import type { Context } from '#test/clouds/azure/context.ts'
import { Refusal } from '#test/clouds/azure/replies.ts'
import { copyStateOf } from '#test/clouds/azure/storage/blob-facts.ts'
import { newBlob } from '#test/clouds/azure/storage/blob-writes.ts'
import type { BlobTarget } from '#test/clouds/azure/storage/data-plane.ts'
import { enter } from '#test/clouds/azure/storage/world.ts'
import { footerBytes } from '#test/clouds/azure/vhd.ts'

/** A server-side copy: accepted at once, done after a while. The source is what an access signature of a disk or snapshot opens. */
export async function copyBlob(context: Context, target: BlobTarget): Promise<PlainReply> {
  const { request, account, container, key } = target
  const given = request.headers['x-ms-copy-source'] ?? ''
  if (!URL.canParse(given)) throw badHeader('x-ms-copy-source')
  const url = new URL(given)
  const running = container.blobs.get(key)
  if (running && copyStateOf(running) === 'pending')
    throw new Refusal(409, 'PendingCopyOperation', 'There is currently a pending copy operation.')
  try {
    context.signatures.check(url, 'Read')
  } catch {
    throw new Refusal(403, 'CannotVerifyCopySource', 'Server failed to authenticate the copy source.')
  }
  const source = thingAt(context, url.pathname)
  const sizeBytes = source.sizeBytes + footerBytes
  const storeId = `blob-${randomUUID()}`
  await context.store.clone(storeId, source.storeId)
  await context.store.resize(storeId, sizeBytes)
  await context.store.write(storeId, source.sizeBytes, source.footer)
  const blob = newBlob(target, { type: 'PageBlob', storeId, sizeBytes })
  const startedMs = context.clock.now()
  blob.copy = {
    id: randomUUID(),
    source: `${url.origin}${url.pathname}`,
    startedMs,
    copied: () => context.clock.now() >= startedMs + context.delays.snapshot,
  }
  await enter(context, account, container, blob)
  return {
    status: 202,
    headers: {
      etag: blob.etag,
      'last-modified': blob.modifiedAt.toUTCString(),
      'x-ms-copy-id': blob.copy.id,
      'x-ms-copy-status': copyStateOf(blob) ?? 'success',
    },
  }
}
