/* oxlint-disable typescript/no-unsafe-call, typescript/no-unsafe-assignment, typescript/no-unsafe-member-access -- plain JavaScript, because stripping types costs each thread another 35 ms at its start */
import { hash } from 'node:crypto'
import { parentPort } from 'node:worker_threads'

/** Hashes what it is sent and sends the bytes back: they are moved, not copied. */
parentPort?.on('message', ({ id, bytes }) => {
  const digest = hash('sha256', new Uint8Array(bytes), 'buffer')
  parentPort?.postMessage({ id, bytes, digest }, [bytes])
})
