import { spawn } from 'node:child_process'
import { once } from 'node:events'
import type { FileHandle } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import type { Extent } from '#shared/disks/port.ts'

/**
 * Where a file of `sizeBytes` holds data; what is between is holes, which read as zeros. Node cannot ask the file system
 * (lseek with SEEK_DATA), so a few lines of Perl or Python do, on the same open file: 14 ms for 600 extents of 4 GiB, against
 * 0.7 s for reading the holes. On a machine or file system without, the whole file is one extent: the copier then reads the
 * holes and finds them to be zeros.
 */
export async function* dataExtents(
  file: FileHandle,
  sizeBytes: number,
  signal?: AbortSignal,
): AsyncGenerator<Extent> {
  let end = 0
  if (await mayHaveHoles(file, sizeBytes)) {
    for (const helper of HELPERS) {
      for await (const extent of askHelper(helper, file, signal)) {
        if (extent === 'complete') return
        yield extent
        end = extent.offset + extent.length
      }
      // It ended early; what it had told is true, and the rest counts as data.
      if (end > 0) break
    }
  }
  if (end < sizeBytes) yield { offset: end, length: sizeBytes - end }
}

/** Fewer blocks than bytes: there are holes. (No blocks at all proves nothing: some file systems count them late.) */
const mayHaveHoles = async (file: FileHandle, sizeBytes: number): Promise<boolean> => {
  const { blocks } = await file.stat()
  if (blocks * 512 >= sizeBytes) return false
  // Some file systems do not see data as data before it is on its way to the disk.
  await file.datasync()
  return true
}

// macOS numbers the two the other way round.
const [SEEK_DATA, SEEK_HOLE] = process.platform === 'darwin' ? ['4', '3'] : ['3', '4']

/** Each prints `start end` for every stretch of data of its standard input, and `complete`. 6 is ENXIO: no more data. */
const HELPERS: readonly (readonly [command: string, ...args: string[]])[] = [
  [
    'perl',
    '-e',
    `my $at = 0;
     while (1) {
       my $data = sysseek(STDIN, $at, ${SEEK_DATA});
       if (!defined $data) { exit 1 if $! != 6; print "complete\\n"; exit 0 }
       $at = sysseek(STDIN, 0 + $data, ${SEEK_HOLE});
       exit 1 if !defined $at;
       print 0 + $data, " ", 0 + $at, "\\n";
     }`,
  ],
  [
    'python3',
    '-ISc',
    `
import os
at = 0
while True:
    try:
        data = os.lseek(0, at, ${SEEK_DATA})
    except OSError as error:
        if error.errno != 6: raise
        print('complete')
        break
    at = os.lseek(0, data, ${SEEK_HOLE})
    print(data, at)
`,
  ],
]

async function* askHelper(
  [command, ...args]: readonly [string, ...string[]],
  file: FileHandle,
  signal?: AbortSignal,
): AsyncGenerator<Extent | 'complete'> {
  const child = spawn(command, args, {
    stdio: [file.fd, 'pipe', 'ignore'],
    env: { PATH: process.env['PATH'] ?? '' },
  })
  const closed = once(child, 'close').catch(() => {})
  try {
    for await (const line of createInterface({ input: child.stdout as Readable })) {
      signal?.throwIfAborted()
      if (line === 'complete') {
        yield 'complete'
        return
      }
      const [start = NaN, end = NaN] = line.split(' ').map(Number)
      if (!Number.isSafeInteger(start) || !(end > start)) return
      yield { offset: start, length: end - start }
    }
  } finally {
    child.kill('SIGKILL')
    await closed
  }
}
