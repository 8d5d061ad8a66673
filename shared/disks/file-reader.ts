import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import { DiskError } from '#shared/disks/errors.ts'

/** What came from the file. */
export interface FileChunk {
  /** The memory that was given, filled; its earlier buffer is empty now. */
  data: Buffer
  /** Less than asked only at the file's end. */
  bytesRead: number
  /** SHA-256 of all of `data`; undefined if it is all zeros. */
  digest?: Buffer
}

/**
 * Fills `target` (which must own its whole memory, see `ownBuffer`) from the open file and hashes it, on another thread that the memory is
 * moved to and back. Beside reading on the main thread and hashing by Web Crypto, which copies, a verified copy takes a third less CPU.
 * Rejects with the operating system's error (`code`).
 */
export const readAndHash = (fd: number, offset: number, target: Buffer): Promise<FileChunk> => {
  startReaders()
  const reader = readers.reduce((best, other) => (other.waiting.size < best.waiting.size ? other : best))
  return reader.read(fd, offset, target.buffer as ArrayBuffer)
}

/** Starts the threads, which takes some 50 ms, while something else is being waited for. */
export const startReaders = (): void => {
  while (readers.length < THREADS) readers.push(startReader())
}

/** Two saturate what one copy can write; each costs about 10 MB. */
const THREADS = Math.min(2, availableParallelism())

interface Answer {
  id: number
  memory: ArrayBuffer
  bytesRead: number
  digest?: Uint8Array
  errno?: string
}

interface Reader {
  waiting: Map<number, PromiseWithResolvers<FileChunk>>
  read(fd: number, offset: number, memory: ArrayBuffer): Promise<FileChunk>
}

let readers: Reader[] = []
let lastId = 0

const startReader = (): Reader => {
  const thread = new Worker(new URL('./file-reader-thread.js', import.meta.url), {
    execArgv: [],
    name: 'reader',
  })
  const waiting: Reader['waiting'] = new Map()
  const reader: Reader = {
    waiting,
    read(fd, offset, memory) {
      const chunk = Promise.withResolvers<FileChunk>()
      const id = ++lastId
      waiting.set(id, chunk)
      // The process may end while the thread is idle, not while someone waits for it.
      thread.ref()
      thread.postMessage({ id, fd, offset, memory }, [memory])
      return chunk.promise
    },
  }
  thread.on('message', (answer: Answer) => {
    settle(waiting.get(answer.id), answer)
    waiting.delete(answer.id)
    if (waiting.size === 0) thread.unref()
  })
  const gone = (cause: unknown): void => {
    readers = readers.filter((other) => other !== reader)
    const error = new DiskError('a reading thread ended unexpectedly', {
      code: 'io',
      kind: 'retryable',
      cause,
    })
    for (const chunk of waiting.values()) chunk.reject(error)
    waiting.clear()
  }
  thread.on('error', gone)
  thread.on('exit', gone)
  // Last: listening for messages counts as a reference again.
  thread.unref()
  return reader
}

const settle = (
  chunk: PromiseWithResolvers<FileChunk> | undefined,
  { memory, bytesRead, digest, errno }: Answer,
): void => {
  if (errno !== undefined) chunk?.reject(Object.assign(new Error(`read: ${errno}`), { code: errno }))
  else
    chunk?.resolve({ data: Buffer.from(memory), bytesRead, ...(digest && { digest: Buffer.from(digest) }) })
}
