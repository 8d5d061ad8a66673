/**
 * Numbers and layouts of the NBD protocol (https://github.com/NetworkBlockDevice/nbd/blob/master/doc/proto.md): fixed newstyle negotiation,
 * simple and structured replies. All integers are big endian.
 */
export const magic = {
  server: 0x4e42_444d_4147_4943n,
  options: 0x4948_4156_454f_5054n,
  optionReply: 0x0003_e889_0455_65a9n,
  request: 0x2560_9513,
  simpleReply: 0x6744_6698,
  structuredReply: 0x668e_33ef,
} as const

export const handshakeFlags = { fixedNewstyle: 1, noZeroes: 2 } as const

export const options = { abort: 2, go: 7, structuredReply: 8, setMetaContext: 10 } as const

export const optionReplies = { ack: 1, info: 3, metaContext: 4 } as const

/** Option replies from here on are refusals. */
export const optionErrorBit = 0x8000_0000

/** What the refusals of an option say, by their number without `optionErrorBit`. */
export const optionErrors: Readonly<Record<number, string>> = {
  1: 'it does not know the option',
  2: 'its policy forbids it',
  3: 'it calls the request invalid',
  4: 'its platform cannot do it',
  5: 'it wants TLS',
  6: 'it has no such export',
  7: 'it is shutting down',
  8: 'it wants the block size to be respected',
  9: 'it calls the request too big',
}

export const infos = { export: 0, blockSize: 3 } as const

export const transmissionFlags = {
  readOnly: 1 << 1,
  flush: 1 << 2,
  fua: 1 << 3,
  trim: 1 << 5,
  writeZeroes: 1 << 6,
} as const

export const commands = {
  read: 0,
  write: 1,
  disconnect: 2,
  flush: 3,
  trim: 4,
  writeZeroes: 6,
  blockStatus: 7,
} as const

export const commandFlags = { fua: 1 } as const

export const replyFlags = { done: 1 } as const

export const chunkTypes = { none: 0, offsetData: 1, offsetHole: 2, blockStatus: 5 } as const

/** Chunk types from here on are errors. */
export const chunkErrorBit = 1 << 15

/** The largest payload that may be asked for when the server names no limit of its own. */
export const defaultMaxBlockBytes = 32 << 20

export const requestBytes = 28
export const simpleReplyBytes = 16
export const structuredReplyBytes = 20

/** `cookie` and `offset` are whole numbers below 2^53. */
export function encodeRequest(request: {
  command: number
  flags?: number
  cookie: number
  offset: number
  length: number
}): Buffer {
  const bytes = Buffer.allocUnsafe(requestBytes)
  bytes.writeUInt32BE(magic.request, 0)
  bytes.writeUInt16BE(request.flags ?? 0, 4)
  bytes.writeUInt16BE(request.command, 6)
  writeWide(bytes, request.cookie, 8)
  writeWide(bytes, request.offset, 16)
  bytes.writeUInt32BE(request.length, 24)
  return bytes
}

export function encodeOption(option: number, data: Buffer = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(16)
  head.writeBigUInt64BE(magic.options, 0)
  head.writeUInt32BE(option, 8)
  head.writeUInt32BE(data.length, 12)
  return Buffer.concat([head, data])
}

/** A string as options carry it: its length, then its UTF-8 bytes. */
export function encodeText(text: string): Buffer {
  const bytes = Buffer.from(text)
  const length = Buffer.alloc(4)
  length.writeUInt32BE(bytes.length)
  return Buffer.concat([length, bytes])
}

/** 64 bits as a number: exact below 2^53, above that surely larger than any disk. Half the time of a BigInt. */
export const readWide = (bytes: Buffer, at: number): number =>
  bytes.readUInt32BE(at) * 2 ** 32 + bytes.readUInt32BE(at + 4)

export function writeWide(bytes: Buffer, value: number, at: number): void {
  bytes.writeUInt32BE(Math.floor(value / 2 ** 32), at)
  bytes.writeUInt32BE(value % 2 ** 32, at + 4)
}
