import { open } from 'node:fs/promises'
import { HostError } from '#shared/clouds/onprem/gate.ts'

/** What a QCOW2 file says of itself. */
export interface Qcow2Header {
  sizeBytes: number
  encrypted: boolean
  /** Name of the file that it builds on, as written there. */
  backing?: string
}

/**
 * Reads the first bytes of a QCOW2 file: 0.1 ms, where `qemu-img info` takes 20, and it can be read while a machine runs on the file.
 * https://gitlab.com/qemu-project/qemu/-/blob/master/docs/interop/qcow2.txt
 * @throws HostError `integrity` for another file, ENOENT.
 */
export async function readQcow2Header(path: string): Promise<Qcow2Header> {
  const bytes = Buffer.alloc(headBytes)
  const file = await open(path, 'r')
  try {
    await file.read(bytes, 0, headBytes, 0)
  } finally {
    await file.close()
  }
  if (bytes.readUInt32BE(0) !== 0x514649fb)
    throw new HostError('integrity', `${path} is not a QCOW2 file, or not yet`)
  const [nameOffset, nameBytes] = [Number(bytes.readBigUInt64BE(8)), bytes.readUInt32BE(16)]
  if (nameOffset + nameBytes > headBytes)
    throw new HostError('integrity', `${path}: the name of what it builds on is not where QEMU writes it`)
  return {
    sizeBytes: Number(bytes.readBigUInt64BE(24)),
    encrypted: bytes.readUInt32BE(32) !== 0,
    ...(nameOffset > 0 && { backing: bytes.toString('utf8', nameOffset, nameOffset + nameBytes) }),
  }
}

/** The header has 112 bytes, its extensions some hundred, the name at most 1023. */
const headBytes = 8192
