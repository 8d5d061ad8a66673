import type { PlainReply, PlainRequest } from '#test/clouds/core/server.ts'
import type { Fault } from '#test/clouds/core/types.ts'
import { download, listRanges, properties } from '#test/clouds/azure/blob-read.ts'
import { clearPages, putPages } from '#test/clouds/azure/blob-write.ts'
import type { Context } from '#test/clouds/azure/context.ts'
import { listChanges } from '#test/clouds/azure/disks/blob-diff.ts'
import { Refusal } from '#test/clouds/azure/replies.ts'

/** The blob service in front of disks, snapshots and serial logs. */

export interface BlobCall {
  operation:
    | 'PageBlob_GetPageRanges'
    | 'PageBlob_GetPageRangesDiff'
    | 'PageBlob_UploadPages'
    | 'PageBlob_ClearPages'
    | 'Blob_Download'
    | 'Blob_GetProperties'
  mutating: boolean
  answer: (fault: Fault | undefined) => Promise<PlainReply>
}

/** Recognises a request to the blob service. */
export function matchBlob(context: Context, request: PlainRequest): BlobCall | undefined {
  const { method, url, headers } = request
  if (!/^\/(md|md-impexp|bootdiag)[-/]/.test(url.pathname)) return undefined
  const comp = url.searchParams.get('comp')
  const call = (
    operation: BlobCall['operation'],
    mutating: boolean,
    answer: BlobCall['answer'],
  ): BlobCall => ({
    operation,
    mutating,
    async answer(fault) {
      context.signatures.check(url, mutating ? 'Write' : 'Read')
      checkVersion(headers)
      return answer(fault)
    },
  })
  if (method === 'GET' && comp === 'pagelist' && headers['x-ms-previous-snapshot-url'] !== undefined)
    return call('PageBlob_GetPageRangesDiff', false, () => listChanges(context, request))
  if (method === 'GET' && comp === 'pagelist')
    return call('PageBlob_GetPageRanges', false, () => listRanges(context, request))
  if (method === 'PUT' && comp === 'page') {
    if (headers['x-ms-page-write'] === 'clear')
      return call('PageBlob_ClearPages', true, () => clearPages(context, request))
    return call('PageBlob_UploadPages', true, (fault) => putPages(context, request, fault))
  }
  if (method === 'GET' && comp === null)
    return call('Blob_Download', false, (fault) => download(context, request, fault))
  if (method === 'HEAD' && comp === null)
    return call('Blob_GetProperties', false, () => properties(context, request))
  return undefined
}

function checkVersion(headers: PlainRequest['headers']): void {
  if (/^\d{4}-\d\d-\d\d$/.test(headers['x-ms-version'] ?? '')) return
  throw new Refusal(
    400,
    'InvalidHeaderValue',
    'The value for one of the HTTP headers is not in the correct format: x-ms-version.',
  )
}
