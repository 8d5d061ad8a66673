import { brokenProtocol, refused } from '#shared/disks/nbd/errors.ts'
import {
  defaultMaxBlockBytes,
  encodeOption,
  encodeText,
  handshakeFlags,
  infos,
  magic,
  optionErrorBit,
  optionErrors,
  optionReplies,
  options,
  readWide,
  transmissionFlags,
} from '#shared/disks/nbd/protocol.ts'

/** What a server tells of an export. */
export interface NbdExport {
  sizeBytes: number
  readOnly: boolean
  canFlush: boolean
  canTrim: boolean
  canWriteZeroes: boolean
  /** Requests start at a multiple of this and are a multiple long. */
  minBlockBytes: number
  /** The largest payload of one request. */
  maxBlockBytes: number
  structuredReplies: boolean
  /** Of the metadata contexts that were asked for, those that the server has: their names by number. */
  contexts: ReadonlyMap<number, string>
}

/** Both directions of a connection while it is negotiated. */
export interface Exchange {
  send(bytes: Buffer): void
  receive(lengthBytes: number): Promise<Buffer>
}

/**
 * Negotiates an export: structured replies, metadata contexts, then NBD_OPT_GO. A server without structured replies or without a context is
 * taken as it is; one without NBD_OPT_GO (older than 2017) is refused.
 * @throws DiskError `unsupported`, `not_found`, `protocol`
 */
export async function negotiate(
  { send, receive }: Exchange,
  { server, exportName, contexts }: { server: string; exportName: string; contexts: readonly string[] },
): Promise<NbdExport> {
  const greeting = await receive(18)
  if (greeting.readBigUInt64BE(0) !== magic.server)
    throw brokenProtocol(server, 'its greeting is not one of NBD')
  const flags = greeting.readUInt16BE(16)
  if (greeting.readBigUInt64BE(8) !== magic.options || !(flags & handshakeFlags.fixedNewstyle))
    throw refused(server, 'the fixed newstyle negotiation', 'unsupported')
  const answer = Buffer.alloc(4)
  answer.writeUInt32BE(handshakeFlags.fixedNewstyle | (flags & handshakeFlags.noZeroes))
  send(answer)

  const ask = async (option: number, data?: Buffer): Promise<OptionAnswer> => {
    send(encodeOption(option, data))
    return readAnswer(receive, server, option)
  }
  const structuredReplies = (await ask(options.structuredReply)).error === undefined
  const known = new Map<number, string>()
  if (structuredReplies && contexts.length > 0) {
    const { replies } = await ask(options.setMetaContext, contextRequest(exportName, contexts))
    for (const { type, data } of replies)
      if (type === optionReplies.metaContext && data.length > 4)
        known.set(data.readUInt32BE(0), data.toString('utf8', 4))
  }
  const { error, words = '', replies } = await ask(options.go, goRequest(exportName))
  if (error !== undefined)
    throw refused(
      server,
      `to serve its export "${exportName}": ${optionErrors[error] ?? `error ${error}`}${words && ` (${words})`}`,
      error === 6 ? 'not_found' : 'unsupported',
    )
  return { ...readInfos(replies, server), structuredReplies, contexts: known }
}

interface OptionAnswer {
  replies: { type: number; data: Buffer }[]
  /** Number of the refusal, if it is one, and what the server says about it. */
  error?: number
  words?: string
}

/** Until the server has said its last word on the option. */
async function readAnswer(
  receive: Exchange['receive'],
  server: string,
  option: number,
): Promise<OptionAnswer> {
  const replies: OptionAnswer['replies'] = []
  // No server has that many contexts or facts; one that goes on and on is not one.
  while (replies.length < 1000) {
    const head = await receive(20)
    const [type, length] = [head.readUInt32BE(12), head.readUInt32BE(16)]
    if (head.readBigUInt64BE(0) !== magic.optionReply || head.readUInt32BE(8) !== option)
      throw brokenProtocol(server, `what came is not an answer to option ${option}`)
    if (length > 65_536) throw brokenProtocol(server, `an answer of ${length} bytes to option ${option}`)
    const data = await receive(length)
    if (type === optionReplies.ack) return { replies }
    if (type >= optionErrorBit) return { replies, error: type - optionErrorBit, words: data.toString('utf8') }
    replies.push({ type, data })
  }
  throw brokenProtocol(server, `no end of answers to option ${option}`)
}

function contextRequest(exportName: string, contexts: readonly string[]): Buffer {
  const count = Buffer.alloc(4)
  count.writeUInt32BE(contexts.length)
  return Buffer.concat([encodeText(exportName), count, ...contexts.map(encodeText)])
}

function goRequest(exportName: string): Buffer {
  const wanted = Buffer.alloc(4)
  wanted.writeUInt16BE(1, 0)
  wanted.writeUInt16BE(infos.blockSize, 2)
  return Buffer.concat([encodeText(exportName), wanted])
}

function readInfos(
  replies: OptionAnswer['replies'],
  server: string,
): Omit<NbdExport, 'structuredReplies' | 'contexts'> {
  const infoOf = (kind: number, lengthBytes: number) =>
    replies.find(
      ({ type, data }) =>
        type === optionReplies.info && data.length >= lengthBytes && data.readUInt16BE(0) === kind,
    )?.data
  const facts = infoOf(infos.export, 12)
  if (!facts) throw brokenProtocol(server, 'it does not tell the size of the export')
  const sizeBytes = readWide(facts, 2)
  if (!Number.isSafeInteger(sizeBytes)) throw brokenProtocol(server, `an export of ${sizeBytes} bytes`)
  const flags = facts.readUInt16BE(10)
  const blocks = infoOf(infos.blockSize, 14)
  const minBlockBytes = blocks?.readUInt32BE(2) ?? 1
  const maxBlockBytes = Math.min(blocks?.readUInt32BE(10) ?? defaultMaxBlockBytes, defaultMaxBlockBytes)
  const sane = minBlockBytes > 0 && (minBlockBytes & (minBlockBytes - 1)) === 0
  if (!sane || maxBlockBytes < minBlockBytes)
    throw brokenProtocol(server, `blocks of ${minBlockBytes} to ${maxBlockBytes} bytes`)
  return {
    sizeBytes,
    readOnly: (flags & transmissionFlags.readOnly) !== 0,
    canFlush: (flags & transmissionFlags.flush) !== 0,
    canTrim: (flags & transmissionFlags.trim) !== 0,
    canWriteZeroes: (flags & transmissionFlags.writeZeroes) !== 0,
    minBlockBytes,
    maxBlockBytes: Math.floor(maxBlockBytes / minBlockBytes) * minBlockBytes,
  }
}
