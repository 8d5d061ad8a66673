import type { PlainRequest } from '#test/clouds/core/server.ts'
import type { Context } from '#test/clouds/azure/context.ts'
import type { Disk, Snapshot } from '#test/clouds/azure/estate.ts'
import { Refusal } from '#test/clouds/azure/replies.ts'
import { footerBytes } from '#test/clouds/azure/vhd.ts'

export interface Blob {
  sizeBytes: number
  type: string
  etag: string
  modified: Date
  read(offset: number, length: number): Promise<Buffer>
}

export async function open(context: Context, { pathname }: URL): Promise<Blob> {
  if (pathname.startsWith('/bootdiag/')) return openLog(context, pathname)
  const thing = thingAt(context, pathname)
  return {
    sizeBytes: thing.sizeBytes + footerBytes,
    type: 'PageBlob',
    etag: thing.etag,
    modified: thing.createdAt,
    async read(offset, length) {
      const inDisk = Math.max(0, Math.min(offset + length, thing.sizeBytes) - offset)
      const data = inDisk === 0 ? Buffer.alloc(0) : await context.store.read(thing.storeId, offset, inDisk)
      const inFooter = thing.footer.subarray(
        offset + inDisk - thing.sizeBytes,
        offset + length - thing.sizeBytes,
      )
      return inDisk === length ? data : Buffer.concat([data, inFooter])
    },
  }
}

async function openLog(context: Context, pathname: string): Promise<Blob> {
  const [, , vmId = '', name] = pathname.split('/')
  const log =
    name === 'serialconsole.log'
      ? Buffer.from(await context.machines.console(vmId), 'latin1')
      : Buffer.alloc(0)
  if (log.length === 0) throw new Refusal(404, 'BlobNotFound', 'The specified blob does not exist.')
  return {
    sizeBytes: log.length,
    type: 'AppendBlob',
    etag: `"0x${log.length.toString(16).toUpperCase()}"`,
    modified: new Date(),
    read: (offset, length) => Promise.resolve(log.subarray(offset, offset + length)),
  }
}

export function thingAt({ estate }: Context, pathname: string): Disk | Snapshot {
  const all = [...estate.list('disk'), ...estate.list('snapshot')]
  const found = all.find(({ grant }) => grant && new URL(grant.url).pathname === pathname)
  if (found) return found
  throw new Refusal(404, 'BlobNotFound', 'The specified blob does not exist.')
}

export const describe = (blob: Blob): Record<string, string> => ({
  etag: blob.etag,
  'last-modified': blob.modified.toUTCString(),
  'x-ms-blob-type': blob.type,
  'x-ms-version': '2025-11-05',
})

/** `x-ms-range` wins over `Range`. */
export function rangeOf(
  headers: PlainRequest['headers'],
  sizeBytes: number,
): { offset: number; length: number } | undefined {
  const given = headers['x-ms-range'] ?? headers['range']
  if (given === undefined) return undefined
  const [, first, last] = /^bytes=(\d+)-(\d*)$/.exec(given) ?? []
  if (first === undefined) throw badHeader('x-ms-range')
  const offset = Number(first)
  const end = last === '' || last === undefined ? sizeBytes : Math.min(Number(last) + 1, sizeBytes)
  if (offset >= sizeBytes || end <= offset) {
    throw new Refusal(
      416,
      'InvalidRange',
      'The range specified is invalid for the current size of the resource.',
    )
  }
  return { offset, length: end - offset }
}

export const badHeader = (name: string): Refusal =>
  new Refusal(
    400,
    'InvalidHeaderValue',
    `The value for one of the HTTP headers is not in the correct format: ${name}.`,
  )
