import type { PlainReply, PlainRequest } from '#test/clouds/core/server.ts'
import type { Fault } from '#test/clouds/core/types.ts'
import type { Context } from '#test/clouds/azure/context.ts'
import { Refusal } from '#test/clouds/azure/replies.ts'
import { downloadBlob, listBlobs, showBlob } from '#test/clouds/azure/storage/blob-reads.ts'
import { copyBlob } from '#test/clouds/azure/storage/blob-copy.ts'
import {
  commitBlocks,
  createPageBlob,
  deleteBlob,
  putWholeBlob,
  stageBlock,
  writeBlobPages,
} from '#test/clouds/azure/storage/blob-writes.ts'
import type { Account, Container } from '#test/clouds/azure/storage/world.ts'

/** The blob service of storage accounts, at `/account/container/key` as every local address has it. */

/** What a request to the blob service is about. */
export interface BlobTarget {
  request: PlainRequest
  account: Account
  container: Container
  key: string
}

type Answer = (context: Context, target: BlobTarget, fault: Fault | undefined) => Promise<PlainReply>

interface DataEntry {
  operation: string
  method: string
  /** Is the request about the container, and not about a blob? */
  ofContainer?: boolean
  comp: string | null
  /** Further query parameters and `x-ms-` headers that this operation knows. */
  query?: string[]
  headers?: string[]
  when?: (headers: PlainRequest['headers']) => boolean
  answer: Answer
}

/** Recognises a request to the blob service of an account; the token has been checked by the caller. */
export function matchDataPlane(
  context: Context,
  request: PlainRequest,
):
  | { operation: string; mutating: boolean; answer: (fault: Fault | undefined) => Promise<PlainReply> }
  | undefined {
  const { method, url, headers } = request
  const [, accountName = '', containerName = '', ...rest] = url.pathname.split('/')
  const account = context.accounts.get(accountName)
  if (!account && !/^nc[\da-f]{22}$/.test(accountName)) return undefined
  const key = rest.map(decodeURIComponent).join('/')
  const ofContainer = url.searchParams.get('restype') === 'container'
  const found = table.find(
    (each) =>
      each.method === method &&
      (each.ofContainer ?? false) === ofContainer &&
      each.comp === url.searchParams.get('comp') &&
      (each.when?.(headers) ?? true),
  )
  const operation = found?.operation ?? `${method} blob ?`
  return {
    operation,
    mutating: method !== 'GET' && method !== 'HEAD',
    async answer(fault) {
      if (!account || account.life.state() === 'creating')
        throw new Refusal(404, 'ResourceNotFound', 'The specified resource does not exist.')
      if (!found)
        throw new Refusal(400, 'UnsupportedHttpVerb', 'The resource does not support this operation.')
      checkKnown(found, request)
      const container = account.containers.get(containerName)
      if (!container) throw new Refusal(404, 'ContainerNotFound', 'The specified container does not exist.')
      return found.answer(context, { request, account, container, key }, fault)
    },
  }
}

const conditions = ['if-match', 'if-none-match']
const table: DataEntry[] = [
  {
    operation: 'Container_ListBlobFlatSegment',
    method: 'GET',
    ofContainer: true,
    comp: 'list',
    query: ['prefix', 'marker', 'maxresults', 'include'],
    answer: listBlobs,
  },
  {
    operation: 'BlockBlob_StageBlock',
    method: 'PUT',
    comp: 'block',
    query: ['blockid'],
    headers: ['x-ms-content-crc64'],
    answer: stageBlock,
  },
  {
    operation: 'BlockBlob_CommitBlockList',
    method: 'PUT',
    comp: 'blocklist',
    headers: ['x-ms-blob-content-type', 'x-ms-meta-'],
    answer: commitBlocks,
  },
  {
    operation: 'PageBlob_UploadPages',
    method: 'PUT',
    comp: 'page',
    headers: ['x-ms-page-write', 'x-ms-range', 'x-ms-content-crc64'],
    answer: writeBlobPages,
  },
  {
    operation: 'Blob_StartCopyFromURL',
    method: 'PUT',
    comp: null,
    headers: ['x-ms-copy-source', 'x-ms-meta-'],
    when: (headers) => headers['x-ms-copy-source'] !== undefined,
    answer: copyBlob,
  },
  {
    operation: 'PageBlob_Create',
    method: 'PUT',
    comp: null,
    headers: [
      'x-ms-blob-type',
      'x-ms-blob-content-length',
      'x-ms-blob-content-type',
      'x-ms-blob-sequence-number',
      'x-ms-meta-',
    ],
    when: (headers) => headers['x-ms-blob-type'] === 'PageBlob',
    answer: createPageBlob,
  },
  {
    operation: 'BlockBlob_Upload',
    method: 'PUT',
    comp: null,
    headers: ['x-ms-blob-type', 'x-ms-blob-content-type', 'x-ms-content-crc64', 'x-ms-meta-'],
    when: (headers) => headers['x-ms-blob-type'] === 'BlockBlob',
    answer: putWholeBlob,
  },
  {
    operation: 'Blob_GetProperties',
    method: 'HEAD',
    comp: null,
    answer: showBlob,
  },
  {
    operation: 'Blob_Download',
    method: 'GET',
    comp: null,
    headers: ['x-ms-range', 'x-ms-range-get-content-md5', 'x-ms-range-get-content-crc64'],
    answer: downloadBlob,
  },
  {
    operation: 'Blob_Delete',
    method: 'DELETE',
    comp: null,
    headers: ['x-ms-delete-snapshots'],
    answer: deleteBlob,
  },
]

const everywhere = ['x-ms-version', 'x-ms-date', 'x-ms-client-request-id', 'x-ms-return-client-request-id']

function checkKnown({ query = [], headers = [] }: DataEntry, { url, headers: given }: PlainRequest): void {
  for (const name of url.searchParams.keys()) {
    if (['comp', 'restype', 'timeout', ...query].includes(name)) continue
    throw new Refusal(
      400,
      'UnsupportedQueryParameter',
      `One of the query parameters specified in the request URI is not supported: ${name}.`,
    )
  }
  if (!/^\d{4}-\d\d-\d\d$/.test(given['x-ms-version'] ?? ''))
    throw new Refusal(
      400,
      'InvalidHeaderValue',
      'The value for one of the HTTP headers is not in the correct format: x-ms-version.',
    )
  const known = [...everywhere, ...conditions, ...headers]
  for (const name of Object.keys(given)) {
    if (
      !name.startsWith('x-ms-') ||
      known.some((each) => name === each || (each.endsWith('-') && name.startsWith(each)))
    )
      continue
    throw new Refusal(
      400,
      'UnsupportedHeader',
      `One of the HTTP headers specified in the request is not supported: ${name}.`,
    )
  }
}
