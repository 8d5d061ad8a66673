import type { PlainRequest } from '#test/clouds/core/server.ts'
import { Refusal } from '#test/clouds/azure/replies.ts'
import type { BlobTarget } from '#test/clouds/azure/storage/data-plane.ts'
import type { StoredBlob } from '#test/clouds/azure/storage/world.ts'

export function blobOf({ container, key }: Pick<BlobTarget, 'container' | 'key'>): StoredBlob {
  const blob = container.blobs.get(key)
  if (blob) return blob
  throw new Refusal(404, 'BlobNotFound', 'The specified blob does not exist.')
}

export function checkConditions(headers: PlainRequest['headers'], { etag }: StoredBlob): void {
  const wanted = headers['if-match']
  if (wanted === undefined || wanted === '*' || wanted === etag) return
  throw new Refusal(
    412,
    'ConditionNotMet',
    'The condition specified using HTTP conditional header(s) is not met.',
  )
}

export const copyStateOf = ({ copy }: StoredBlob): 'pending' | 'success' | 'failed' | undefined =>
  copy && (copy.failure === undefined ? (copy.copied() ? 'success' : 'pending') : 'failed')

export function copyHeaders(blob: StoredBlob): Record<string, string> {
  const state = copyStateOf(blob)
  if (!blob.copy || state === undefined) return {}
  const done = state === 'success' ? blob.sizeBytes : Math.floor(blob.sizeBytes / 2)
  return {
    'x-ms-copy-id': blob.copy.id,
    'x-ms-copy-source': blob.copy.source,
    'x-ms-copy-status': state,
    'x-ms-copy-progress': `${done}/${blob.sizeBytes}`,
    ...(blob.copy.failure === undefined ? {} : { 'x-ms-copy-status-description': blob.copy.failure }),
  }
}
