import { hash, webcrypto } from 'node:crypto'
import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import { DiskError } from '#shared/disks/errors.ts'

/**
 * SHA-256 off the main thread. Measured on 2 cores with 1 MiB chunks: on the main thread 1650 MiB/s and the event loop
 * is blocked; Web Crypto 2100 MiB/s, copying each chunk on the main thread first; worker threads that the bytes are
 * moved to and back 3000 MiB/s.
 */
export const sha256 = async (data: Buffer): Promise<Buffer> =>
  data.length <= SMALL_BYTES
    ? hash('sha256', data, 'buffer')
    : Buffer.from(await webcrypto.subtle.digest('SHA-256', data as Buffer<ArrayBuffer>))

/**
 * The same without a copy, for a buffer that owns its whole memory (`ownBuffer`). The memory moves to another thread and
 * back: `data` is empty afterwards, the returned buffer holds the bytes.
 */
export const sha256Moving = async (data: Buffer): Promise<{ data: Buffer; digest: Buffer }> => {
  if (data.length <= SMALL_BYTES || data.byteLength !== data.buffer.byteLength)
    return { data, digest: await sha256(data) }
  return leastBusy().digest(data.buffer as ArrayBuffer)
}

/** Starts the threads, which takes some 50 ms, while something else is being waited for. */
export const startHashing = (): void => {
  while (hashers.length < THREADS) hashers.push(startHasher())
}

/** Uninitialised memory of its own, not a part of Node's pool. */
export const ownBuffer = (lengthBytes: number): Buffer => Buffer.allocUnsafeSlow(lengthBytes)

/** Below this a hop to another thread costs more than the hash (about 40 µs). */
const SMALL_BYTES = 65_536

/** Two threads saturate what one copy can read and write; each costs about 10 MB. */
const THREADS = Math.min(2, availableParallelism())

interface Hasher {
  waiting: Map<number, PromiseWithResolvers<{ data: Buffer; digest: Buffer }>>
  digest(bytes: ArrayBuffer): Promise<{ data: Buffer; digest: Buffer }>
}

let hashers: Hasher[] = []
let lastId = 0

const leastBusy = (): Hasher => {
  startHashing()
  return hashers.reduce((best, hasher) => (hasher.waiting.size < best.waiting.size ? hasher : best))
}

const startHasher = (): Hasher => {
  const worker = new Worker(new URL('./hash-worker.js', import.meta.url), { execArgv: [], name: 'sha256' })
  const waiting: Hasher['waiting'] = new Map()
  const hasher: Hasher = {
    waiting,
    digest(bytes) {
      const answer = Promise.withResolvers<{ data: Buffer; digest: Buffer }>()
      const id = ++lastId
      waiting.set(id, answer)
      // The process may end while the thread is idle, not while someone waits for a digest.
      worker.ref()
      worker.postMessage({ id, bytes }, [bytes])
      return answer.promise
    },
  }
  worker.unref()
  worker.on('message', ({ id, bytes, digest }: { id: number; bytes: ArrayBuffer; digest: Uint8Array }) => {
    waiting.get(id)?.resolve({ data: Buffer.from(bytes), digest: Buffer.from(digest) })
    waiting.delete(id)
    if (waiting.size === 0) worker.unref()
  })
  const gone = (cause: unknown): void => {
    hashers = hashers.filter((other) => other !== hasher)
    for (const answer of waiting.values())
      answer.reject(
        new DiskError('a hashing thread ended unexpectedly', { code: 'io', kind: 'retryable', cause }),
      )
    waiting.clear()
  }
  worker.on('error', gone)
  worker.on('exit', gone)
  return hasher
}
