/* oxlint-disable typescript/no-unsafe-call, typescript/no-unsafe-assignment, typescript/no-unsafe-argument, typescript/no-unsafe-member-access -- plain JavaScript, because stripping types costs each thread another 35 ms at its start */
import { hash } from 'node:crypto'
import { readSync } from 'node:fs'
import { parentPort } from 'node:worker_threads'

let zeros = Buffer.alloc(0)

/** Fills the memory from the file, hashes it unless it is all zeros, and sends it back: it is moved, not copied. */
parentPort?.on('message', ({ id, fd, offset, memory }) => {
  const data = Buffer.from(memory)
  let bytesRead = 0
  let errno
  let digest
  try {
    for (let more = 1; more > 0 && bytesRead < data.length; bytesRead += more)
      more = readSync(fd, data, bytesRead, data.length - bytesRead, offset + bytesRead)
    if (zeros.length !== data.length) zeros = Buffer.alloc(data.length)
    if (!data.equals(zeros)) digest = hash('sha256', data, 'buffer')
  } catch (error) {
    errno = error.code
  }
  parentPort?.postMessage({ id, memory, bytesRead, digest, errno }, [memory])
})
