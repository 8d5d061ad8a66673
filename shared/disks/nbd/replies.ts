import { brokenProtocol, requestFailed } from '#shared/disks/nbd/errors.ts'
import type { Filler } from '#shared/disks/nbd/fill.ts'
import {
  chunkErrorBit,
  chunkTypes,
  magic,
  readWide,
  replyFlags,
  simpleReplyBytes,
  structuredReplyBytes,
} from '#shared/disks/nbd/protocol.ts'

/** A request that waits for its reply. */
export interface Pending {
  /** In words, for errors: `read 65536 bytes at 0`. */
  what: string
  offset: number
  length: number
  /** Where a read goes. */
  target?: Buffer
  /** Called for each context of a block status. */
  onStatus?: (context: number, descriptors: Buffer) => void
  /** Bytes of a read that have come, and the first error that was told. */
  received: number
  failure?: Error
  /** Its reply is complete. */
  settle(failure: Error | undefined): void
}

/**
 * Reads replies, simple and structured, from the stream behind `filler` for ever. Memory beyond the targets stays small whatever the server says.
 * @param take finds a pending request by its cookie; @param drop forgets it.
 * @param broken called once when the stream makes no sense any more.
 */
export function readReplies({
  filler,
  server,
  take,
  drop,
  broken,
}: {
  filler: Filler
  server: string
  take: (cookie: number) => Pending | undefined
  drop: (cookie: number) => void
  broken: (error: Error) => void
}): void {
  const head = Buffer.alloc(structuredReplyBytes)
  const place = Buffer.alloc(12)

  const fail = (what: string): void => broken(brokenProtocol(server, what))
  const finish = (cookie: number, request: Pending): void => {
    drop(cookie)
    if (request.target && !request.failure && request.received !== request.length)
      request.failure = brokenProtocol(server, `${request.received} bytes for: ${request.what}`)
    request.settle(request.failure)
    next()
  }
  const next = (): void => filler.fill(head.subarray(0, simpleReplyBytes), onHead)

  const onHead = (): void => {
    const kind = head.readUInt32BE(0)
    if (kind === magic.structuredReply)
      filler.fill(head.subarray(simpleReplyBytes), () => onChunk(readWide(head, 8)))
    else if (kind === magic.simpleReply) onSimple(readWide(head, 8))
    else fail(`a reply that begins with 0x${kind.toString(16)}`)
  }

  const onSimple = (cookie: number): void => {
    const request = take(cookie)
    if (!request) return fail('a reply to what was not asked')
    const error = head.readUInt32BE(4)
    if (error !== 0) request.failure = requestFailed(server, request.what, error, '')
    if (error !== 0 || !request.target) return finish(cookie, request)
    request.received = request.length
    filler.fill(request.target, () => finish(cookie, request))
  }

  const onChunk = (cookie: number): void => {
    const request = take(cookie)
    if (!request) return fail('a reply to what was not asked')
    const [flags, type, length] = [head.readUInt16BE(4), head.readUInt16BE(6), head.readUInt32BE(16)]
    const end = (): void => (flags & replyFlags.done ? finish(cookie, request) : next())
    const refuse = (): void => fail(`a chunk of type ${type} and ${length} bytes for: ${request.what}`)

    if (type >= chunkErrorBit && length >= 6 && length <= longestErrorBytes)
      gather(length, (payload) => {
        const words = payload.toString('utf8', 6, Math.min(6 + payload.readUInt16BE(4), length))
        request.failure ??= requestFailed(server, request.what, payload.readUInt32BE(0), words)
        end()
      })
    else if (type === chunkTypes.none && length === 0) end()
    else if (type === chunkTypes.offsetData && length > 8 && request.target)
      filler.fill(place.subarray(0, 8), () => {
        const part = partOf(request, readWide(place, 0), length - 8)
        if (!part) return refuse()
        filler.fill(part, end)
      })
    else if (type === chunkTypes.offsetHole && length === 12 && request.target)
      filler.fill(place, () => {
        const part = partOf(request, readWide(place, 0), place.readUInt32BE(8))
        if (!part) return refuse()
        part.fill(0)
        end()
      })
    else if (type === chunkTypes.blockStatus && length <= longestStatusBytes && request.onStatus)
      gather(length, (payload) => {
        if (length < 12 || length % 8 !== 4) return refuse()
        request.onStatus?.(payload.readUInt32BE(0), payload.subarray(4))
        end()
      })
    else refuse()
  }

  const gather = (length: number, then: (payload: Buffer) => void): void => {
    const payload = Buffer.allocUnsafe(length)
    filler.fill(payload, () => then(payload))
  }

  next()
}

/** QEMU sends at most 2^17 extents of 8 bytes at once. */
const longestStatusBytes = 4 << 20
const longestErrorBytes = 6 + 4096 + 8

/** The part of a read's target that a chunk of its reply fills; undefined if it is none. */
function partOf(request: Pending, offset: number, length: number): Buffer | undefined {
  const start = offset - request.offset
  if (start < 0 || length === 0 || start + length > request.length) return undefined
  request.received += length
  return request.target?.subarray(start, start + length)
}
