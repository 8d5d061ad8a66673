import { hash, webcrypto } from 'node:crypto'

/**
 * SHA-256. Large data is hashed by Web Crypto off the main thread (2100 MiB/s on 2 cores, after a copy of the data); on the main thread it
 * would be 1650 MiB/s with the event loop blocked.
 */
export const sha256 = async (data: Buffer): Promise<Buffer> =>
  data.length <= SMALL_BYTES
    ? hash('sha256', data, 'buffer')
    : Buffer.from(await webcrypto.subtle.digest('SHA-256', data as Buffer<ArrayBuffer>))

/** Uninitialised memory of its own, not a part of Node's pool. */
export const ownBuffer = (lengthBytes: number): Buffer => Buffer.allocUnsafeSlow(lengthBytes)

/** Below this a hop to another thread costs more than the hash (about 40 µs). */
const SMALL_BYTES = 65_536
