import {
  accessSync,
  closeSync,
  constants,
  fstatSync,
  ftruncateSync,
  mkdtempSync,
  openSync,
  readSync,
  rmSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/**
 * A file without a name, by which content goes to a virsh process and comes back: it is deleted as soon as it is open, so nobody else can open
 * it and nothing is left however this process ends. In memory where the system has `/dev/shm`, since passphrases go through it.
 */
export interface Exchange {
  /** For the child's descriptor 3. */
  descriptor: number
  /** Its path as the child sees it. */
  path: string
  write(content: string | Buffer): void
  read(): Buffer
  close(): void
}

export function openExchange(): Exchange {
  const folder = mkdtempSync(join(memoryFolder(), 'novacron-'))
  const path = join(folder, 'exchange')
  const descriptor = openSync(path, 'wx+', 0o600)
  rmSync(folder, { recursive: true })
  let open = true
  return {
    descriptor,
    path: '/dev/fd/3',
    write(content) {
      ftruncateSync(descriptor)
      const bytes = Buffer.from(content)
      for (let done = 0; done < bytes.length;)
        done += writeSync(descriptor, bytes, done, bytes.length - done, done)
    },
    read() {
      const bytes = Buffer.alloc(fstatSync(descriptor).size)
      let done = 0
      while (done < bytes.length) {
        const count = readSync(descriptor, bytes, done, bytes.length - done, done)
        if (count === 0) break
        done += count
      }
      return bytes.subarray(0, done)
    },
    close() {
      if (open) closeSync(descriptor)
      open = false
    },
  }
}

function memoryFolder(): string {
  try {
    accessSync('/dev/shm', constants.W_OK)
    return '/dev/shm'
  } catch {
    return tmpdir()
  }
}
