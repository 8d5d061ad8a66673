import { randomBytes } from 'node:crypto'
import { readdir, readFile, rm, stat } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import type { QemuHost } from '#shared/clouds/onprem/qemu/base.ts'
import { failed, type TiedProcess } from '#shared/clouds/onprem/qemu/volumes/tied.ts'

/** A new name for a socket of a server that serves this process alone. Those that a crash left behind go. */
export async function newSocket({ layout }: Pick<QemuHost, 'layout'>): Promise<string> {
  for (const name of await readdir(layout.sockets))
    if (name.startsWith(prefix)) await sweep(layout.socket(name))
  return layout.socket(`${prefix}${randomBytes(9).toString('base64url')}`)
}

/** Waits until a server listens. @throws HostError `program_failed` with what it said if it ends instead. */
export async function waitForListener(
  path: string,
  { program, server, signal }: { program: string; server: TiedProcess; signal: AbortSignal },
): Promise<void> {
  for (;;) {
    signal.throwIfAborted()
    if (await listens(path)) return
    if (!server.isRunning()) throw failed(program, (await server.ended).said)
    await sleep(3)
  }
}

const prefix = 'v.'

/** Nobody listens: its server died with the worker that it served. */
async function sweep(path: string): Promise<void> {
  const facts = await stat(path).catch(() => undefined)
  if (facts && Date.now() - facts.mtimeMs > oldMs && !(await listens(path))) await rm(path, { force: true })
}

/** From when a server makes its socket to when it listens there is a moment, also on a busy machine. */
const oldMs = 5_000

/** As the kernel says (proc(5), flag __SO_ACCEPTCON): a connection made to find out would take a monitor's only place for a moment. */
async function listens(path: string): Promise<boolean> {
  const sockets = (await readFile('/proc/net/unix', 'utf8')).split('\n')
  return sockets.some((line) => line.endsWith(` ${path}`) && line.split(/\s+/)[3] === '00010000')
}
