import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import type { QemuHost } from '#shared/clouds/onprem/qemu/base.ts'
import { readGuestFile } from '#shared/clouds/onprem/qemu/machines/find-process.ts'

/** What the serial console printed last, at most 64 KiB; undefined before the first start. */
export const readConsole = (host: QemuHost, id: string): Promise<string | undefined> =>
  host.gate({ operation: 'console get', mutating: false, resource: id }, async () => {
    const bytes = await readGuestFile(host.layout.machine(id).console, shownBytes)
    return bytes?.toString('utf8')
  })

/** A guest that prints without end must not fill the disk: what it printed is cut down to what is shown. QEMU appends, so it may go on meanwhile. */
export async function trimConsole(host: QemuHost, id: string): Promise<void> {
  const file = await open(
    host.layout.machine(id).console,
    constants.O_RDWR | constants.O_NOFOLLOW | constants.O_NONBLOCK,
  ).catch(() => undefined)
  if (!file) return
  try {
    const facts = await file.stat()
    if (!facts.isFile() || facts.size <= keptBytes) return
    const tail = Buffer.alloc(shownBytes)
    await file.read(tail, 0, shownBytes, facts.size - shownBytes)
    await file.truncate(0)
    await file.write(tail, 0, shownBytes, 0)
  } finally {
    await file.close()
  }
}

const shownBytes = 64 * 1024
const keptBytes = 8 * 2 ** 20
